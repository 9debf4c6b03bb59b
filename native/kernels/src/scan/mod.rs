//! Inner products of signed bytes: the rows of an index with the vectors that are looked for.
//!
//! Rows lie one behind the other, each filled up with zeros to a multiple of [`ROW_BYTES`]. A search reads all of
//! them once, so what it costs is memory: a row is loaded once for up to four queries, and its products are made in
//! registers. All instruction sets give the same integers.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(test)]
mod tests;

use crate::{
    isa::{Isa, Level},
    q8::quantize,
};

/// What a row's length is a multiple of: the widest register.
pub const ROW_BYTES: usize = 64;

/// The most bytes of a row: the products of so many signed bytes fit into an i32, whatever they are, also where one
/// side is shifted to be unsigned.
pub const MAX_ROW_BYTES: usize = 1 << 15;

/// Bytes of a row of `dimensions` values.
pub fn row_bytes(dimensions: usize) -> usize {
    dimensions.next_multiple_of(ROW_BYTES)
}

/// Writes `values` as signed bytes, and zeros behind them; returns the scale: `value ≈ scale · byte`, NaN where a value
/// is not finite. No byte is -128.
///
/// # Panics
/// When there is less room in `bytes` than values.
pub fn quantize_row(isa: Isa, values: &[f32], bytes: &mut [i8]) -> f32 {
    quantize::weights(isa, values, as_unsigned(bytes)).scale
}

/// Sets `products[query · rows + row]` for all of `rows` and `queries`, each of `stride` bytes.
///
/// # Panics
/// When `stride` is not a multiple of [`ROW_BYTES`] or above [`MAX_ROW_BYTES`], or the lengths do not fit together.
pub fn products(isa: Isa, stride: usize, rows: &[i8], queries: &[i8], products: &mut [i32]) {
    assert!(stride > 0 && stride.is_multiple_of(ROW_BYTES) && stride <= MAX_ROW_BYTES, "a row of {stride} bytes");
    assert!(rows.len().is_multiple_of(stride) && queries.len().is_multiple_of(stride), "half a row");
    assert_eq!(products.len(), rows.len() / stride * (queries.len() / stride), "one product each");
    let scan = Scan { stride, rows, queries, products };
    match isa.level() {
        // SAFETY: an `Isa` exists only where the CPU has its instructions; the lengths were checked.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::run(scan) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::AvxVnni => unsafe { avx_vnni::run(scan) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::run(scan) },
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        Level::NeonDot => unsafe { neon::run(scan) },
        // SAFETY: the lengths were checked.
        Level::Scalar => unsafe { scalar::run(scan) },
    }
}

/// What is multiplied, with lengths that fit together.
struct Scan<'a> {
    stride: usize,
    rows: &'a [i8],
    queries: &'a [i8],
    products: &'a mut [i32],
}

fn as_unsigned(bytes: &mut [i8]) -> &mut [u8] {
    // SAFETY: both are a byte of any pattern.
    unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
}
