//! The kernels as functions on buffers. Sizes are checked; what a kernel reads and writes lies inside.

use cudarc::driver::{CudaFunction, LaunchConfig, PushKernelArg};
use half::f16;

use crate::{
    device::Queue,
    element::Element,
    error::CudaError,
    memory::{Buffer, Parameters, View},
};

/// The length of every row and of every head is a multiple of this.
pub const VECTOR: usize = 8;
/// The longest row that can be normalized.
pub const LARGEST_ROW: usize = 2048;
/// The largest attention head.
pub const LARGEST_HEAD: usize = 128;

/// `STEPS` of the kernels with a warp per row, each of which covers 256 numbers.
pub(crate) const ROW_STEPS: [usize; 4] = [1, 3, 4, 8];
const STEP: usize = 256;
const ROWS_PER_BLOCK: usize = 4;
const WARP: usize = 32;
/// The sizes of heads that there is a half-precision kernel for.
pub(crate) const HEADS: [usize; 3] = [32, 64, 128];
/// Queries and threads of a block of attention, in half and in single precision.
const TILE: (usize, usize) = (64, 128);
/// Keys of a block in half precision at a time.
const KEYS: usize = 32;
const TILE_F32: (usize, usize) = (32, 256);
const MOST_THREADS: usize = 512;
/// Rows of a block of activations.
const ACTIVATED: usize = 4;
/// Rows, columns and threads of a block of a dense layer.
const DENSE_ROWS: usize = 8;
const DENSE_COLUMNS: usize = 8;
const DENSE_THREADS: usize = 256;

/// What stands between two layers. The numbers are those of `Function` in kernels.cu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Function {
    Identity = 0,
    Gelu = 1,
    GeluTanh = 2,
    Relu = 3,
    Silu = 4,
    Tanh = 5,
}

/// A layer norm.
pub struct Norm {
    pub scale: Parameters<f32>,
    pub shift: Parameters<f32>,
    pub epsilon: f32,
}

/// The tables of an embedding layer; `[rows, size]` each.
pub struct Tables<T> {
    pub words: Parameters<T>,
    pub positions: Parameters<T>,
    /// Added to every row.
    pub token_type: Option<Parameters<f32>>,
}

/// A layer of a head: `weights` is `[outputs, inputs]`.
pub struct Dense {
    pub weights: Parameters<f32>,
    pub bias: Parameters<f32>,
}

/// What attention needs to know of a batch and of a model.
#[derive(Clone, Copy)]
pub struct AttentionShape {
    pub heads: usize,
    pub head_size: usize,
    /// Of all texts.
    pub tokens: usize,
    /// The most tokens of a text whose rows are to be computed. A number below the longest text's leaves out
    /// rows, but never the first.
    pub queries: usize,
}

impl Queue {
    /// `output[row] = norm(words[ids[row]] + positions[position_ids[row]] + token type)`
    ///
    /// Ids must be rows of the tables: a device reads what lies behind them without a word.
    ///
    /// # Panics
    /// If there are not as many positions as ids, or the tables' rows are too long ([`LARGEST_ROW`]).
    pub fn embed<T: Element>(
        &self,
        Tables { words, positions, token_type }: &Tables<T>,
        norm: &Norm,
        [ids, position_ids]: [&View<u32>; 2],
        output: &mut Buffer<T>,
    ) -> Result<(), CudaError> {
        let size = norm.scale.len();
        let (rows, columns) = (ids.len() as i32, size as i32);
        assert_eq!(ids.len(), position_ids.len(), "a position for every id");
        let mut output = output.view_mut(ids.len() * size);
        let none = 0_u64;
        let kernel = for_row(&T::kernels(&self.device).embed_norm, size);
        let mut launch = self.stream.launch_builder(kernel);
        launch.arg(&ids.0).arg(&position_ids.0).arg(&words.0).arg(&positions.0);
        match token_type {
            Some(row) => launch.arg(&row.0),
            None => launch.arg(&none),
        };
        launch.arg(&norm.scale.0).arg(&norm.shift.0).arg(&norm.epsilon).arg(&rows).arg(&columns).arg(&mut output);
        // SAFETY: these are the kernel's arguments; the caller keeps ids within the tables.
        unsafe { launch.launch(row_by_row(ids.len())) }?;
        Ok(())
    }

    /// `output = norm(input + bias + residual)` for the first `rows` rows.
    ///
    /// # Panics
    /// If the bias has another length than the norm, or that is too long ([`LARGEST_ROW`]).
    pub fn add_norm<T: Element>(
        &self,
        norm: &Norm,
        bias: &Parameters<f32>,
        [input, residual]: [&Buffer<T>; 2],
        rows: usize,
        output: &mut Buffer<T>,
    ) -> Result<(), CudaError> {
        let size = norm.scale.len();
        assert_eq!(bias.len(), size, "a bias for every column");
        let (count, columns) = (rows as i32, size as i32);
        let (input, residual) = (input.view(rows * size), residual.view(rows * size));
        let mut output = output.view_mut(rows * size);
        let kernel = for_row(&T::kernels(&self.device).add_norm, size);
        let mut launch = self.stream.launch_builder(kernel);
        launch.arg(&input).arg(&bias.0).arg(&residual).arg(&norm.scale.0).arg(&norm.shift.0);
        launch.arg(&norm.epsilon).arg(&count).arg(&columns).arg(&mut output);
        // SAFETY: these are the kernel's arguments, and the views have the rows.
        unsafe { launch.launch(row_by_row(rows)) }?;
        Ok(())
    }

    /// `values = function(values + bias)` for the first `rows` rows.
    pub fn activate<T: Element>(
        &self,
        function: Function,
        bias: &Parameters<f32>,
        values: &mut Buffer<T>,
        rows: usize,
    ) -> Result<(), CudaError> {
        let (function, count, columns) = (function as i32, rows as i32, bias.len() as i32);
        let mut values = values.view_mut(rows * bias.len());
        let mut launch = self.stream.launch_builder(&T::kernels(&self.device).activate);
        launch.arg(&mut values).arg(&bias.0).arg(&function).arg(&count).arg(&columns);
        // SAFETY: these are the kernel's arguments, and the view has the rows.
        unsafe { launch.launch(block_by_block(rows.div_ceil(ACTIVATED), bias.len())) }?;
        Ok(())
    }

    /// Self-attention of each text over its own tokens.
    ///
    /// `input` is `[tokens, 3 * heads * head_size]`, queries, keys and values side by side, `output`
    /// `[tokens, heads * head_size]`; `offsets` has the first row of each text and the number of all.
    ///
    /// # Panics
    /// If a head is too large ([`LARGEST_HEAD`]) or no multiple of [`VECTOR`].
    pub fn attend<T: Element>(
        &self,
        shape: AttentionShape,
        offsets: &View<u32>,
        input: &Buffer<T>,
        output: &mut Buffer<T>,
    ) -> Result<(), CudaError> {
        let AttentionShape { heads, head_size, tokens, queries } = shape;
        assert!(head_size.is_multiple_of(VECTOR) && head_size <= LARGEST_HEAD, "heads of {head_size}");
        let single = T::SUFFIX == "f32";
        let (tile, threads) = if single { TILE_F32 } else { TILE };
        let kernels = &T::kernels(&self.device).attention;
        let kernel = if single { 0 } else { HEADS.iter().position(|&size| head_size <= size).unwrap_or(0) };
        // Powers of 2 instead of e.
        let scale = std::f32::consts::LOG2_E / (head_size as f32).sqrt();
        let size = heads * head_size;
        let input = input.view(tokens * 3 * size);
        let mut output = output.view_mut(tokens * size);
        let columns = head_size as i32;
        let memory =
            if single { single_attention_memory(head_size) } else { half_attention_memory(kernel, self.device.modern) };
        let mut launch = self.stream.launch_builder(&kernels[kernel]);
        launch.arg(&input).arg(&offsets.0).arg(&columns).arg(&scale).arg(&mut output);
        let texts = offsets.len() - 1;
        let config = LaunchConfig {
            grid_dim: (queries.div_ceil(tile) as u32, heads as u32, texts as u32),
            block_dim: (threads as u32, 1, 1),
            shared_mem_bytes: memory as u32,
        };
        // SAFETY: these are the kernel's arguments; the caller's offsets end at `tokens`.
        unsafe { launch.launch(config) }?;
        Ok(())
    }

    /// `output[row] = input[indexes[row]]`, rows of `size` numbers.
    pub fn gather<T: Element>(
        &self,
        input: &Buffer<T>,
        indexes: &View<u32>,
        size: usize,
        output: &mut Buffer<T>,
    ) -> Result<(), CudaError> {
        let kernel = &T::kernels(&self.device).gather;
        self.launch_gather(kernel, input, indexes, size, output)
    }

    /// The same, widened to single precision.
    pub fn gather_wide<T: Element>(
        &self,
        input: &Buffer<T>,
        indexes: &View<u32>,
        size: usize,
        output: &mut Buffer<f32>,
    ) -> Result<(), CudaError> {
        let kernel = &T::kernels(&self.device).gather_wide;
        self.launch_gather(kernel, input, indexes, size, output)
    }

    fn launch_gather<T: Element, U: Element>(
        &self,
        kernel: &CudaFunction,
        input: &Buffer<T>,
        indexes: &View<u32>,
        size: usize,
        output: &mut Buffer<U>,
    ) -> Result<(), CudaError> {
        let (columns, input) = (size as i32, input.all());
        let mut output = output.view_mut(indexes.len() * size);
        let mut launch = self.stream.launch_builder(kernel);
        launch.arg(&input).arg(&indexes.0).arg(&columns).arg(&mut output);
        // SAFETY: these are the kernel's arguments; the caller's indexes are rows of `input`.
        unsafe { launch.launch(block_by_block(indexes.len(), size)) }?;
        Ok(())
    }

    /// `output[row] = function(weights · input[indexes[row]] + bias)`: a layer of a head, for few rows.
    ///
    /// # Panics
    /// If a row of weights is too long ([`LARGEST_ROW`]) or no multiple of [`VECTOR`].
    pub fn dense<T: Element>(
        &self,
        Dense { weights, bias }: &Dense,
        function: Function,
        input: &Buffer<T>,
        indexes: &View<u32>,
        output: &mut Buffer<f32>,
    ) -> Result<(), CudaError> {
        let (rows, outputs, inputs) = (indexes.len(), bias.len(), weights.len() / bias.len());
        assert!(inputs.is_multiple_of(VECTOR) && inputs <= LARGEST_ROW, "rows of {inputs}");
        let sizes = [rows, inputs, outputs].map(|size| size as i32);
        let (function, input) = (function as i32, input.all());
        let mut output = output.view_mut(rows * outputs);
        let mut launch = self.stream.launch_builder(&T::kernels(&self.device).dense);
        launch.arg(&input).arg(&indexes.0).arg(&weights.0).arg(&bias.0).arg(&function);
        launch.arg(&sizes[0]).arg(&sizes[1]).arg(&sizes[2]).arg(&mut output);
        let config = LaunchConfig {
            grid_dim: (outputs.div_ceil(DENSE_COLUMNS) as u32, rows.div_ceil(DENSE_ROWS) as u32, 1),
            block_dim: (DENSE_THREADS as u32, 1, 1),
            shared_mem_bytes: dense_memory(inputs) as u32,
        };
        // SAFETY: these are the kernel's arguments; the caller's indexes are rows of `input`.
        unsafe { launch.launch(config) }?;
        Ok(())
    }

    /// The mean of each text's rows: `[texts, size]`.
    pub fn mean<T: Element>(
        &self,
        input: &Buffer<T>,
        offsets: &View<u32>,
        size: usize,
        output: &mut Buffer<f32>,
    ) -> Result<(), CudaError> {
        let (texts, columns, input) = (offsets.len() - 1, size as i32, input.all());
        let mut output = output.view_mut(texts * size);
        let mut launch = self.stream.launch_builder(&T::kernels(&self.device).mean);
        launch.arg(&input).arg(&offsets.0).arg(&columns).arg(&mut output);
        // SAFETY: these are the kernel's arguments; the caller's offsets are rows of `input`.
        unsafe { launch.launch(block_by_block(texts, size)) }?;
        Ok(())
    }
}

/// Bytes that a block of half-precision attention needs: tiles of queries, keys and values, the latter two twice
/// on a `modern` card.
pub(crate) fn half_attention_memory(kernel: usize, modern: bool) -> usize {
    let (queries, _) = TILE;
    let buffers = if modern { 2 } else { 1 };
    (queries + 2 * buffers * KEYS) * (HEADS[kernel] + VECTOR) * size_of::<f16>()
}

/// Bytes that a block of a dense layer needs for its rows.
pub(crate) fn dense_memory(inputs: usize) -> usize {
    DENSE_ROWS * inputs * size_of::<f32>()
}

/// Bytes that a block of single-precision attention needs: tiles of queries, keys and values, and its warps' weights.
pub(crate) fn single_attention_memory(head_size: usize) -> usize {
    let (queries, _) = TILE_F32;
    (3 * queries * (head_size + 4) + queries * queries) * size_of::<f32>()
}

/// The kernel for rows of `size`.
fn for_row(kernels: &[CudaFunction], size: usize) -> &CudaFunction {
    assert!(size.is_multiple_of(VECTOR) && size <= LARGEST_ROW, "rows of {size}");
    let position = ROW_STEPS.iter().position(|steps| size <= steps * STEP);
    &kernels[position.expect("the last one is for LARGEST_ROW")]
}

/// A warp per row.
fn row_by_row(rows: usize) -> LaunchConfig {
    LaunchConfig {
        grid_dim: (rows.div_ceil(ROWS_PER_BLOCK) as u32, 1, 1),
        block_dim: ((ROWS_PER_BLOCK * WARP) as u32, 1, 1),
        shared_mem_bytes: 0,
    }
}

/// A block per row of `size`, with a thread for each vector of it as far as there are threads.
fn block_by_block(rows: usize, size: usize) -> LaunchConfig {
    let threads = (size / VECTOR).next_multiple_of(WARP).min(MOST_THREADS);
    LaunchConfig { grid_dim: (rows as u32, 1, 1), block_dim: (threads as u32, 1, 1), shared_mem_bytes: 0 }
}
