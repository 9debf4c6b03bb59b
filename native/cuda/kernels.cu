// Kernels of an encoder on a GPU. Matrix products are cuBLASLt's; everything between them is here.
//
// Compiled to PTX by compile.py, whose output is committed; the driver translates it for the card it finds.
// Tensors are row-major. A row's result depends on that row (in attention: on its text) alone, whatever else is
// in the batch: sums run in a fixed order and no two blocks add into one number.
//
// T is the element of activations and weights, `half` or `float`. Sums, norms and softmax are in `float`, and so
// are biases and the parameters of norms.

#include <cuda_fp16.h>

namespace chorus {

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;
#define NEGATIVE_INFINITY __int_as_float(0xff800000)
// Elements that a lane moves at once.
constexpr int VECTOR = 8;
// Rows of a block in kernels with a warp per row.
constexpr int ROWS_PER_BLOCK = 4;

struct Vector {
  float at[VECTOR];
};

__device__ Vector load(const float* from) {
  const float4 low = reinterpret_cast<const float4*>(from)[0];
  const float4 high = reinterpret_cast<const float4*>(from)[1];
  return {{low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w}};
}

__device__ Vector load(const half* from) {
  const uint4 bits = *reinterpret_cast<const uint4*>(from);
  const half2* pairs = reinterpret_cast<const half2*>(&bits);
  Vector result;
#pragma unroll
  for (int pair = 0; pair < VECTOR / 2; pair++) {
    const float2 both = __half22float2(pairs[pair]);
    result.at[2 * pair] = both.x;
    result.at[2 * pair + 1] = both.y;
  }
  return result;
}

__device__ void store(float* to, const Vector& vector) {
  reinterpret_cast<float4*>(to)[0] = make_float4(vector.at[0], vector.at[1], vector.at[2], vector.at[3]);
  reinterpret_cast<float4*>(to)[1] = make_float4(vector.at[4], vector.at[5], vector.at[6], vector.at[7]);
}

__device__ void store(half* to, const Vector& vector) {
  uint4 bits;
  half2* pairs = reinterpret_cast<half2*>(&bits);
#pragma unroll
  for (int pair = 0; pair < VECTOR / 2; pair++) {
    pairs[pair] = __floats2half2_rn(vector.at[2 * pair], vector.at[2 * pair + 1]);
  }
  *reinterpret_cast<uint4*>(to) = bits;
}

__device__ void add(Vector& sum, const Vector& other) {
#pragma unroll
  for (int i = 0; i < VECTOR; i++) sum.at[i] += other.at[i];
}

__device__ float warp_sum(float value) {
#pragma unroll
  for (int step = WARP / 2; step > 0; step /= 2) value += __shfl_xor_sync(ALL_LANES, value, step);
  return value;
}

__device__ float warp_max(float value) {
#pragma unroll
  for (int step = WARP / 2; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(ALL_LANES, value, step));
  return value;
}

// A row of at most STEPS * 256 numbers, shared out over a warp.
template <int STEPS>
struct Row {
  Vector parts[STEPS];

  __device__ static int column(int step) { return (step * WARP + threadIdx.x % WARP) * VECTOR; }

  // (x - mean) / sqrt(variance + epsilon) * gamma + beta, the variance in a second pass.
  template <typename T>
  __device__ void normalize(const float* gamma, const float* beta, float epsilon, int size, T* output) {
    float sum = 0;
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      if (column(step) < size) {
#pragma unroll
        for (int i = 0; i < VECTOR; i++) sum += parts[step].at[i];
      }
    }
    const float mean = warp_sum(sum) / size;
    float squares = 0;
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      if (column(step) < size) {
#pragma unroll
        for (int i = 0; i < VECTOR; i++) {
          const float centred = parts[step].at[i] - mean;
          squares += centred * centred;
        }
      }
    }
    const float scale = rsqrtf(warp_sum(squares) / size + epsilon);
#pragma unroll
    for (int step = 0; step < STEPS; step++) {
      const int at = column(step);
      if (at < size) {
        const Vector g = load(gamma + at), b = load(beta + at);
        Vector result;
#pragma unroll
        for (int i = 0; i < VECTOR; i++) result.at[i] = (parts[step].at[i] - mean) * scale * g.at[i] + b.at[i];
        store(output + at, result);
      }
    }
  }
};

// output[token] = norm(words[ids[token]] + positions[position_ids[token]] + type); `type` may be null.
template <typename T, int STEPS>
__device__ void embed_norm(const unsigned* ids, const unsigned* position_ids, const T* words, const T* positions,
                           const float* type, const float* gamma, const float* beta, float epsilon, int rows, int size,
                           T* output) {
  const int row = blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP;
  if (row >= rows) return;
  const T* word = words + static_cast<size_t>(ids[row]) * size;
  const T* position = positions + static_cast<size_t>(position_ids[row]) * size;
  Row<STEPS> sums;
#pragma unroll
  for (int step = 0; step < STEPS; step++) {
    const int at = Row<STEPS>::column(step);
    if (at < size) {
      sums.parts[step] = load(word + at);
      add(sums.parts[step], load(position + at));
      if (type != nullptr) add(sums.parts[step], load(type + at));
    }
  }
  sums.normalize(gamma, beta, epsilon, size, output + static_cast<size_t>(row) * size);
}

// output = norm(input + bias + residual); `output` may be `residual`.
template <typename T, int STEPS>
__device__ void add_norm(const T* input, const float* bias, const T* residual, const float* gamma, const float* beta,
                         float epsilon, int rows, int size, T* output) {
  const int row = blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP;
  if (row >= rows) return;
  const size_t start = static_cast<size_t>(row) * size;
  Row<STEPS> sums;
#pragma unroll
  for (int step = 0; step < STEPS; step++) {
    const int at = Row<STEPS>::column(step);
    if (at < size) {
      sums.parts[step] = load(input + start + at);
      add(sums.parts[step], load(bias + at));
      add(sums.parts[step], load(residual + start + at));
    }
  }
  sums.normalize(gamma, beta, epsilon, size, output + start);
}

// The numbers of `Function` in kernels.rs.
enum Function { IDENTITY, GELU, GELU_TANH, RELU, SILU, TANH };

// erf by Abramowitz and Stegun 7.1.26: at most 1.5e-7 off, a thousandth of what `half` keeps.
__device__ float fast_erf(float x) {
  const float magnitude = fabsf(x);
  const float t = __fdividef(1.0f, 1.0f + 0.3275911f * magnitude);
  const float polynomial =
      t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  return copysignf(1.0f - polynomial * __expf(-magnitude * magnitude), x);
}

// What a function's result is rounded to says how exactly it is computed.
template <typename T>
struct Exactly {
  // Not inlined: they are long, and single precision spends its time in products.
  __device__ __noinline__ static float erf(float x) { return erff(x); }
  __device__ __noinline__ static float tanh(float x) { return tanhf(x); }
  __device__ __noinline__ static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
};

template <>
struct Exactly<half> {
  __device__ static float erf(float x) { return fast_erf(x); }
  __device__ static float tanh(float x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }
  __device__ static float sigmoid(float x) { return __fdividef(1.0f, 1.0f + __expf(-x)); }
};

template <typename T>
__device__ float apply(int function, float x) {
  constexpr float SQRT_HALF = 0.70710678118654752f;
  constexpr float SQRT_2_OVER_PI = 0.79788456080286536f;
  switch (function) {
    case GELU:
      return 0.5f * x * (1.0f + Exactly<T>::erf(x * SQRT_HALF));
    case GELU_TANH:
      return 0.5f * x * (1.0f + Exactly<T>::tanh(SQRT_2_OVER_PI * (x + 0.044715f * x * x * x)));
    case RELU:
      return fmaxf(x, 0.0f);
    case SILU:
      return x * Exactly<T>::sigmoid(x);
    case TANH:
      return Exactly<T>::tanh(x);
    default:
      return x;
  }
}

// values = function(values + bias). A block has ACTIVATED rows, a thread some columns of all of them, so that a bias is
// read once for all and several loads are under way.
constexpr int ACTIVATED = 4;

template <typename T>
__device__ void activate(T* values, const float* bias, int function, int rows, int columns) {
  const int first = blockIdx.x * ACTIVATED;
  const int count = min(ACTIVATED, rows - first);
  for (int at = threadIdx.x * VECTOR; at < columns; at += blockDim.x * VECTOR) {
    T* from = values + static_cast<size_t>(first) * columns + at;
    Vector vectors[ACTIVATED];
#pragma unroll
    for (int row = 0; row < ACTIVATED; row++) {
      if (row < count) vectors[row] = load(from + static_cast<size_t>(row) * columns);
    }
    const Vector added = load(bias + at);
#pragma unroll
    for (int row = 0; row < ACTIVATED; row++) {
      if (row < count) {
        add(vectors[row], added);
#pragma unroll
        for (int i = 0; i < VECTOR; i++) vectors[row].at[i] = apply<T>(function, vectors[row].at[i]);
        store(from + static_cast<size_t>(row) * columns, vectors[row]);
      }
    }
  }
}

// output[row] = function(weights * input[indexes[row]] + bias): a head's layer, for a few rows. A block has ROWS rows in
// shared memory; a warp has a column, whose weights it reads once for all of them.
constexpr int HEAD_ROWS = 8;
constexpr int HEAD_WARPS = 8;

template <typename T>
__device__ void dense(const T* input, const unsigned* indexes, const float* weights, const float* bias, int function, int rows,
                      int inputs, int outputs, float* output) {
  extern __shared__ __align__(16) float memory[];
  const int first = blockIdx.y * HEAD_ROWS;
  const int count = min(HEAD_ROWS, rows - first);
  const int vectors = inputs / VECTOR;
  for (int chunk = threadIdx.x; chunk < HEAD_ROWS * vectors; chunk += blockDim.x) {
    const int row = chunk / vectors, at = chunk % vectors * VECTOR;
    Vector numbers = {};
    if (row < count) numbers = load(input + static_cast<size_t>(indexes[first + row]) * inputs + at);
    store(memory + row * inputs + at, numbers);
  }
  __syncthreads();
  const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  const int column = blockIdx.x * HEAD_WARPS + warp;
  if (column >= outputs) return;
  float sums[HEAD_ROWS] = {};
#pragma unroll 4
  for (int at = lane * 4; at < inputs; at += WARP * 4) {
    const float4 w = *reinterpret_cast<const float4*>(weights + static_cast<size_t>(column) * inputs + at);
#pragma unroll
    for (int row = 0; row < HEAD_ROWS; row++) {
      const float4 x = *reinterpret_cast<const float4*>(memory + row * inputs + at);
      sums[row] += w.x * x.x + w.y * x.y + w.z * x.z + w.w * x.w;
    }
  }
#pragma unroll
  for (int row = 0; row < HEAD_ROWS; row++) {
    const float sum = warp_sum(sums[row]);
    if (lane == row && row < count) {
      output[static_cast<size_t>(first + row) * outputs + column] = apply<float>(function, sum + bias[column]);
    }
  }
}

// output[row] = input[indexes[row]], a block per row.
template <typename T, typename U>
__device__ void gather(const T* input, const unsigned* indexes, int columns, U* output) {
  const T* from = input + static_cast<size_t>(indexes[blockIdx.x]) * columns;
  U* to = output + static_cast<size_t>(blockIdx.x) * columns;
  for (int at = threadIdx.x * VECTOR; at < columns; at += blockDim.x * VECTOR) store(to + at, load(from + at));
}

// output[text] = the mean of its rows; a block per text.
template <typename T>
__device__ void mean(const T* input, const unsigned* offsets, int columns, float* output) {
  const int begin = offsets[blockIdx.x], end = offsets[blockIdx.x + 1];
  for (int at = threadIdx.x * VECTOR; at < columns; at += blockDim.x * VECTOR) {
    Vector sum = {};
    for (int row = begin; row < end; row++) add(sum, load(input + static_cast<size_t>(row) * columns + at));
#pragma unroll
    for (int i = 0; i < VECTOR; i++) sum.at[i] /= end - begin;
    store(output + static_cast<size_t>(blockIdx.x) * columns + at, sum);
  }
}

// ---- Attention ------------------------------------------------------------------------------------------------
//
// input: [tokens, 3 * heads * head_size], queries, keys and values side by side; text i has the rows from offsets[i]
// to offsets[i + 1]. output: [tokens, heads * head_size]. Grid: (tiles of queries, heads, texts); a block whose tile
// lies behind the end of its text does nothing, so a grid of one tile computes the first rows of every text.
// The softmax is that of Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018).
// `scale` includes log2(e), since powers are of 2.

// Queries and keys of a block at a time.
constexpr int QUERIES = 64;
constexpr int KEYS = 32;
constexpr int ATTENTION_WARPS = QUERIES / 16;

__device__ void load_matrices(unsigned (&to)[4], const half* from) {
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(from));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address));
}

__device__ void load_matrices_transposed(unsigned (&to)[4], const half* from) {
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(from));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address));
}

// c[16, 8] += a[16, 16] * b[16, 8]
__device__ void multiply(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(b0));
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[2]), "r"(a[3]), "r"(b1));
#endif
}

__device__ unsigned pack(float low, float high) {
  const half2 both = __floats2half2_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&both);
}

// Eight halves more than a head: the eight rows that a matrix is loaded from then lie in different banks.
template <int HEAD>
using TileRow = half[HEAD + VECTOR];

// Sixteen bytes from global to shared memory, or zeros; done after the next `copies_done`.
__device__ void copy_async(half* to, const half* from, bool valid) {
#if __CUDA_ARCH__ >= 800
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(valid ? 16 : 0));
#else
  *reinterpret_cast<uint4*>(to) = valid ? *reinterpret_cast<const uint4*>(from) : make_uint4(0, 0, 0, 0);
#endif
}

__device__ void end_group() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;");
#endif
}

// Waits for all groups of copies but the last OPEN.
template <int OPEN>
__device__ void wait_for_groups() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(OPEN) : "memory");
#endif
}

// Rows `first`.. of one head, zeros behind `rows` and behind `head_size`.
template <int HEAD, int ROWS>
__device__ void load_tile(TileRow<HEAD>* tile, const half* from, int stride, int first, int rows, int head_size) {
  constexpr int CHUNKS = HEAD / VECTOR;
#pragma unroll
  for (int chunk = threadIdx.x; chunk < ROWS * CHUNKS; chunk += ATTENTION_WARPS * WARP) {
    const int row = chunk / CHUNKS, at = chunk % CHUNKS * VECTOR;
    const bool valid = first + row < rows && at < head_size;
    copy_async(&tile[row][at], valid ? from + static_cast<size_t>(first + row) * stride + at : from, valid);
  }
}

// Tiles of keys and values at a time: the next ones are on their way while one is computed. `buffers` of operators.rs
// says the same.
#if __CUDA_ARCH__ >= 800
constexpr int BUFFERS = 2;
#else
constexpr int BUFFERS = 1;
#endif

// HEAD is the head's size, or the next size that there is a kernel for. A warp has 16 queries.
template <int HEAD>
__device__ void attention(const half* input, const unsigned* offsets, int head_size, float scale, half* output) {
  constexpr int STEPS = HEAD / 16;
  extern __shared__ __align__(16) char shared[];
  TileRow<HEAD>* own = reinterpret_cast<TileRow<HEAD>*>(shared);
  TileRow<HEAD>* keys = own + QUERIES;
  TileRow<HEAD>* values = keys + BUFFERS * KEYS;
  const int begin = offsets[blockIdx.z], length = offsets[blockIdx.z + 1] - begin;
  const int first = blockIdx.x * QUERIES;
  if (first >= length) return;
  const int size = gridDim.y * head_size, stride = 3 * size;
  const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  const half* head = input + static_cast<size_t>(begin) * stride + blockIdx.y * head_size;
  // A warp behind the end of the text only helps to load.
  const bool works = first + warp * 16 < length;

  load_tile<HEAD, QUERIES>(own, head, stride, first, length, head_size);
  load_tile<HEAD, KEYS>(keys, head + size, stride, 0, length, head_size);
  load_tile<HEAD, KEYS>(values, head + 2 * size, stride, 0, length, head_size);
  end_group();

  // Lane l has rows l / 4 and l / 4 + 8 of its warp's 16, two columns of each 8.
  unsigned queries[STEPS][4];
  float sums[HEAD / 8][4] = {};
  float largest[2] = {NEGATIVE_INFINITY, NEGATIVE_INFINITY};
  float total[2] = {0, 0};
  for (int start = 0, buffer = 0; start < length; start += KEYS, buffer ^= BUFFERS - 1) {
    const int next = start + KEYS, here = buffer * KEYS, other = KEYS - here;
    if (BUFFERS == 2 && next < length) {
      load_tile<HEAD, KEYS>(keys + other, head + size, stride, next, length, head_size);
      load_tile<HEAD, KEYS>(values + other, head + 2 * size, stride, next, length, head_size);
      end_group();
      wait_for_groups<1>();
    } else {
      wait_for_groups<0>();
    }
    __syncthreads();
    if (works) {
      if (start == 0) {
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
          load_matrices(queries[step], &own[warp * 16 + lane % 16][step * 16 + lane / 16 * 8]);
        }
      }
      const int columns = length - start;
      float scores[KEYS / 8][4] = {};
#pragma unroll
      for (int pair = 0; pair < KEYS / 16; pair++) {
        if (pair * 16 < columns) {
#pragma unroll
          for (int step = 0; step < STEPS; step++) {
            unsigned b[4];
            load_matrices(b, &keys[here + pair * 16 + lane / 16 * 8 + lane % 8][step * 16 + lane / 8 % 2 * 8]);
            multiply(scores[2 * pair], queries[step], b[0], b[1]);
            multiply(scores[2 * pair + 1], queries[step], b[2], b[3]);
          }
        }
      }

      float tallest[2] = {largest[0], largest[1]};
#pragma unroll
      for (int part = 0; part < KEYS / 8; part++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int column = part * 8 + lane % 4 * 2 + i % 2;
          scores[part][i] = column < columns ? scores[part][i] * scale : NEGATIVE_INFINITY;
          tallest[i / 2] = fmaxf(tallest[i / 2], scores[part][i]);
        }
      }
#pragma unroll
      for (int row = 0; row < 2; row++) {
        tallest[row] = fmaxf(tallest[row], __shfl_xor_sync(ALL_LANES, tallest[row], 1));
        tallest[row] = fmaxf(tallest[row], __shfl_xor_sync(ALL_LANES, tallest[row], 2));
        const float shrink = exp2f(largest[row] - tallest[row]);
        largest[row] = tallest[row];
        total[row] *= shrink;
#pragma unroll
        for (int part = 0; part < HEAD / 8; part++) {
          sums[part][2 * row] *= shrink;
          sums[part][2 * row + 1] *= shrink;
        }
      }
#pragma unroll
      for (int part = 0; part < KEYS / 8; part++) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
          scores[part][i] = exp2f(scores[part][i] - largest[i / 2]);
          total[i / 2] += scores[part][i];
        }
      }

#pragma unroll
      for (int step = 0; step < KEYS / 16; step++) {
        if (step * 16 < columns) {
          const float(&low)[4] = scores[2 * step], (&high)[4] = scores[2 * step + 1];
          const unsigned weights[4] = {pack(low[0], low[1]), pack(low[2], low[3]), pack(high[0], high[1]),
                                       pack(high[2], high[3])};
#pragma unroll
          for (int pair = 0; pair < HEAD / 16; pair++) {
            unsigned b[4];
            load_matrices_transposed(b, &values[here + step * 16 + lane % 16][pair * 16 + lane / 16 * 8]);
            multiply(sums[2 * pair], weights, b[0], b[1]);
            multiply(sums[2 * pair + 1], weights, b[2], b[3]);
          }
        }
      }
    }
    __syncthreads();
    if (BUFFERS == 1 && next < length) {
      load_tile<HEAD, KEYS>(keys, head + size, stride, next, length, head_size);
      load_tile<HEAD, KEYS>(values, head + 2 * size, stride, next, length, head_size);
    }
  }
  if (!works) return;

  // Through the memory of the warp's own queries, so that whole lines are written.
#pragma unroll
  for (int row = 0; row < 2; row++) {
    total[row] += __shfl_xor_sync(ALL_LANES, total[row], 1);
    total[row] += __shfl_xor_sync(ALL_LANES, total[row], 2);
    const float share = 1.0f / total[row];
#pragma unroll
    for (int part = 0; part < HEAD / 8; part++) {
      *reinterpret_cast<half2*>(&own[warp * 16 + row * 8 + lane / 4][part * 8 + lane % 4 * 2]) =
          __floats2half2_rn(sums[part][2 * row] * share, sums[part][2 * row + 1] * share);
    }
  }
  __syncwarp();
  constexpr int CHUNKS = HEAD / VECTOR;
  half* to = output + static_cast<size_t>(begin + first) * size + blockIdx.y * head_size;
  for (int chunk = lane; chunk < 16 * CHUNKS; chunk += WARP) {
    const int row = warp * 16 + chunk / CHUNKS, at = chunk % CHUNKS * VECTOR;
    if (first + row < length && at < head_size) {
      *reinterpret_cast<uint4*>(to + static_cast<size_t>(row) * size + at) =
          *reinterpret_cast<const uint4*>(&own[row][at]);
    }
  }
}

// In single precision. A block has TILE_F32 queries, a warp four of them, a lane one key at a time.
constexpr int TILE_F32 = 32;
constexpr int QUERIES_F32 = 4;
constexpr int LARGEST_HEAD = 128;

__device__ void attention_f32_body(const float* input, const unsigned* offsets, int head_size, float scale, float* output) {
  extern __shared__ __align__(16) float memory[];
  const int begin = offsets[blockIdx.z], length = offsets[blockIdx.z + 1] - begin;
  const int first = blockIdx.x * TILE_F32;
  if (first >= length) return;
  const int size = gridDim.y * head_size, stride = 3 * size;
  const int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  const float* head = input + static_cast<size_t>(begin) * stride + blockIdx.y * head_size;
  // Four floats more than a head, for the banks' sake.
  const int pitch = head_size + 4;
  float* queries = memory;
  float* keys = queries + TILE_F32 * pitch;
  float* values = keys + TILE_F32 * pitch;
  float* weights = values + TILE_F32 * pitch + warp * QUERIES_F32 * TILE_F32;

  const auto load_rows = [&](float* tile, const float* from, int start) {
    const int chunks = head_size / 4;
    for (int chunk = threadIdx.x; chunk < TILE_F32 * chunks; chunk += blockDim.x) {
      const int row = chunk / chunks, at = chunk % chunks * 4;
      float4 numbers = make_float4(0, 0, 0, 0);
      if (start + row < length) {
        numbers = *reinterpret_cast<const float4*>(from + static_cast<size_t>(start + row) * stride + at);
      }
      *reinterpret_cast<float4*>(tile + row * pitch + at) = numbers;
    }
  };
  load_rows(queries, head, first);
  const float* own = queries + warp * QUERIES_F32 * pitch;

  float sums[QUERIES_F32][LARGEST_HEAD / WARP] = {};
  float largest[QUERIES_F32], total[QUERIES_F32];
#pragma unroll
  for (int query = 0; query < QUERIES_F32; query++) {
    largest[query] = NEGATIVE_INFINITY;
    total[query] = 0;
  }
  for (int start = 0; start < length; start += TILE_F32) {
    __syncthreads();
    load_rows(keys, head + size, start);
    load_rows(values, head + 2 * size, start);
    __syncthreads();
    float scores[QUERIES_F32] = {};
    for (int at = 0; at < head_size; at += 4) {
      const float4 key = *reinterpret_cast<const float4*>(keys + lane * pitch + at);
#pragma unroll
      for (int query = 0; query < QUERIES_F32; query++) {
        const float4 q = *reinterpret_cast<const float4*>(own + query * pitch + at);
        scores[query] += q.x * key.x;
        scores[query] += q.y * key.y;
        scores[query] += q.z * key.z;
        scores[query] += q.w * key.w;
      }
    }
#pragma unroll
    for (int query = 0; query < QUERIES_F32; query++) {
      const float score = start + lane < length ? scores[query] * scale : NEGATIVE_INFINITY;
      const float tallest = fmaxf(largest[query], warp_max(score));
      const float shrink = exp2f(largest[query] - tallest);
      const float weight = exp2f(score - tallest);
      largest[query] = tallest;
      total[query] = total[query] * shrink + warp_sum(weight);
#pragma unroll
      for (int part = 0; part < LARGEST_HEAD / WARP; part++) sums[query][part] *= shrink;
      weights[query * TILE_F32 + lane] = weight;
    }
    __syncwarp();
    const int keys_here = min(TILE_F32, length - start);
    for (int key = 0; key < keys_here; key++) {
      float value[LARGEST_HEAD / WARP];
#pragma unroll
      for (int part = 0; part < LARGEST_HEAD / WARP; part++) {
        const int column = part * WARP + lane;
        value[part] = column < head_size ? values[key * pitch + column] : 0;
      }
#pragma unroll
      for (int query = 0; query < QUERIES_F32; query++) {
        const float weight = weights[query * TILE_F32 + key];
#pragma unroll
        for (int part = 0; part < LARGEST_HEAD / WARP; part++) sums[query][part] += weight * value[part];
      }
    }
    __syncwarp();
  }
#pragma unroll
  for (int query = 0; query < QUERIES_F32; query++) {
    const int row = first + warp * QUERIES_F32 + query;
    if (row >= length) continue;
    float* to = output + static_cast<size_t>(begin + row) * size + blockIdx.y * head_size;
#pragma unroll
    for (int part = 0; part < LARGEST_HEAD / WARP; part++) {
      const int column = part * WARP + lane;
      if (column < head_size) to[column] = sums[query][part] / total[query];
    }
  }
}

}  // namespace chorus

using namespace chorus;

#define ROWS_KERNELS(T, NAME, STEPS)                                                                                  \
  extern "C" __global__ void __launch_bounds__(ROWS_PER_BLOCK * WARP) embed_norm_##NAME##_##STEPS(                    \
      const unsigned* ids, const unsigned* position_ids, const T* words, const T* positions, const float* type,                 \
      const float* gamma, const float* beta, float epsilon, int rows, int size, T* output) {                          \
    embed_norm<T, STEPS>(ids, position_ids, words, positions, type, gamma, beta, epsilon, rows, size, output);        \
  }                                                                                                                   \
  extern "C" __global__ void __launch_bounds__(ROWS_PER_BLOCK * WARP) add_norm_##NAME##_##STEPS(                      \
      const T* input, const float* bias, const T* residual, const float* gamma, const float* beta, float epsilon,     \
      int rows, int size, T* output) {                                                                                \
    add_norm<T, STEPS>(input, bias, residual, gamma, beta, epsilon, rows, size, output);                              \
  }

#define ELEMENT_KERNELS(T, NAME)                                                                                      \
  ROWS_KERNELS(T, NAME, 1)                                                                                            \
  ROWS_KERNELS(T, NAME, 3)                                                                                            \
  ROWS_KERNELS(T, NAME, 4)                                                                                            \
  ROWS_KERNELS(T, NAME, 8)                                                                                            \
  extern "C" __global__ void activate_##NAME(T* values, const float* bias, int function, int rows, int columns) {     \
    activate<T>(values, bias, function, rows, columns);                                                               \
  }                                                                                                                   \
  extern "C" __global__ void gather_##NAME(const T* input, const unsigned* indexes, int columns, T* output) {              \
    gather(input, indexes, columns, output);                                                                          \
  }                                                                                                                   \
  extern "C" __global__ void gather_wide_##NAME(const T* input, const unsigned* indexes, int columns, float* output) {     \
    gather(input, indexes, columns, output);                                                                          \
  }                                                                                                                   \
  extern "C" __global__ void __launch_bounds__(HEAD_WARPS * WARP) dense_##NAME(                                       \
      const T* input, const unsigned* indexes, const float* weights, const float* bias, int function, int rows,            \
      int inputs, int outputs, float* output) {                                                                       \
    dense(input, indexes, weights, bias, function, rows, inputs, outputs, output);                                    \
  }                                                                                                                   \
  extern "C" __global__ void mean_##NAME(const T* input, const unsigned* offsets, int columns, float* output) {            \
    mean(input, offsets, columns, output);                                                                            \
  }

ELEMENT_KERNELS(half, f16)
ELEMENT_KERNELS(float, f32)

#define ATTENTION_KERNEL(HEAD)                                                                                        \
  extern "C" __global__ void __launch_bounds__(ATTENTION_WARPS * WARP) attention_f16_##HEAD(                          \
      const half* input, const unsigned* offsets, int head_size, float scale, half* output) {                              \
    attention<HEAD>(input, offsets, head_size, scale, output);                                                        \
  }

ATTENTION_KERNEL(32)
ATTENTION_KERNEL(64)
ATTENTION_KERNEL(128)

extern "C" __global__ void __launch_bounds__(TILE_F32 / QUERIES_F32 * WARP)
    attention_f32(const float* input, const unsigned* offsets, int head_size, float scale, float* output) {
  attention_f32_body(input, offsets, head_size, scale, output);
}
