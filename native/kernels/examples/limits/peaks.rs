//! What the machine can do at most: inner products without memory, and memory without inner products.
//!
//! Every peak is a loop over sums that stay in registers, long enough apart to hide the latency.

use std::{hint::black_box, time::Instant};

/// A loop that returns how many operations it did; a multiply and an add are two.
pub type Peak = fn() -> f64;

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m512bh, __m512i, _mm256_fmadd_ps, _mm256_set1_ps, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_dpbf16_ps,
        _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_set1_epi32,
    };
    use std::hint::black_box;

    const STEPS: u32 = 100_000;
    const CHAINS: usize = 24;

    macro_rules! peak_512 {
        ($name:ident, $features:literal, $operations:literal, $step:expr) => {
            #[target_feature(enable = $features)]
            pub fn $name() -> f64 {
                let (left, right) = (black_box(_mm512_set1_epi32(0)), black_box(_mm512_set1_epi32(0)));
                let mut sums = [black_box(_mm512_set1_epi32(0)); CHAINS];
                for _ in 0..STEPS {
                    for sum in &mut sums {
                        *sum = $step(*sum, left, right);
                    }
                }
                black_box(sums);
                f64::from(STEPS) * CHAINS as f64 * $operations
            }
        };
    }

    peak_512!(vnni, "avx512f,avx512vnni", 128.0, |sum: __m512i, left, right| _mm512_dpbusd_epi32(sum, left, right));
    peak_512!(fma, "avx512f", 32.0, |sum: __m512i, left, right| _mm512_castps_si512(_mm512_fmadd_ps(
        _mm512_castsi512_ps(left),
        _mm512_castsi512_ps(right),
        _mm512_castsi512_ps(sum)
    )));
    peak_512!(bf16, "avx512f,avx512bf16", 64.0, |sum: __m512i, left: __m512i, right: __m512i| {
        // SAFETY: both types are 64 bytes of any pattern.
        let [left, right] = [left, right].map(|words| unsafe { std::mem::transmute::<__m512i, __m512bh>(words) });
        _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), left, right))
    });

    #[target_feature(enable = "avx2,fma")]
    pub fn fma_256() -> f64 {
        let (left, right) = (black_box(_mm256_set1_ps(0.0)), black_box(_mm256_set1_ps(0.0)));
        let mut sums = [black_box(_mm256_set1_ps(0.0)); 12];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(left, right, *sum);
            }
        }
        black_box(sums);
        f64::from(STEPS) * 12.0 * 16.0
    }
}

/// f32 multiply-adds, where they can be measured.
pub fn f32() -> Option<Peak> {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was just detected.
            return Some(|| unsafe { x86::fma() });
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the features were just detected.
            return Some(|| unsafe { x86::fma_256() });
        }
    }
    None
}

/// bf16 dot products, where the CPU has them.
pub fn bf16() -> Option<Peak> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
        // SAFETY: the features were just detected.
        return Some(|| unsafe { x86::bf16() });
    }
    None
}

/// u8 × i8 dot products, where the CPU has them.
pub fn q8() -> Option<Peak> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
        // SAFETY: the features were just detected.
        return Some(|| unsafe { x86::vnni() });
    }
    None
}

/// Operations per nanosecond (GOP/s) of one call.
pub fn rate(peak: Peak) -> f64 {
    let start = Instant::now();
    let operations = peak();
    operations / start.elapsed().as_nanos() as f64
}

/// Bytes per nanosecond (GB/s) of one sequential read of `memory`.
pub fn read_rate(memory: &[u64]) -> f64 {
    let start = Instant::now();
    let mut sums = [0_u64; 64];
    for chunk in memory.as_chunks::<64>().0 {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*value);
        }
    }
    black_box(sums);
    size_of_val(memory) as f64 / start.elapsed().as_nanos() as f64
}
