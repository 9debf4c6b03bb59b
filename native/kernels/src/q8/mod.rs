//! int8: weights quantized per output channel at load, activations per row as they come.
//!
//! ```text
//! w[n, k] ≈ weight_scale[n] · i8        symmetric, ±127
//! x[m, k] ≈ scale[m] · (u8 - zero[m])   asymmetric: all 256 steps cover the row's own range
//! y[m, n] = scale[m] · weight_scale[n] · (Σ u8·i8 - zero[m] · Σ i8) + bias[n]
//! ```
//!
//! The parenthesis is exact in 32 bits. Asymmetric, because GELU's results lie in [-0.17, max]: a
//! symmetric range would waste nearly half of the steps on them.

mod dequantize;
pub(crate) mod quantize;
#[cfg(test)]
mod tests;

use crate::{
    bf16::Bf16,
    element::Element,
    format::{Epilogue, Format, Sealed},
    isa::Isa,
    layout::PackedFormat,
    linear::Linear,
    matrix::MatrixMut,
    words::bytes_of_words_mut,
};

/// The format of [`Q8Linear`].
#[derive(Debug, Default)]
pub struct Q8;

/// A linear operator with int8 weights and activations.
pub type Q8Linear = Linear<Q8>;

/// The most inputs whose sum of products fits in 32 bits: `255 · 127 · 65,536 < 2³¹`.
const MAX_INPUTS: usize = 65_536;

/// A row by its own range.
///
/// An error of a value is at most `0.503 · (max - min) / 255`, where the range is extended to include zero; zero
/// itself is exact. A row with a NaN or an infinity gives NaN in all of its results.
impl Format for Q8 {
    type Written = f32;
    type Attended = Bf16;
}

impl Sealed for Q8 {
    type Scale = quantize::RowScale;

    const PACKED: PackedFormat = PackedFormat::Q8;

    fn pack(isa: Isa, weights: &[f32], bias: f32, words: &mut [u32], tails: &mut [u32]) {
        assert!(weights.len() <= MAX_INPUTS, "{} inputs", weights.len());
        let channel = quantize::weights(isa, weights, bytes_of_words_mut(words));
        tails.copy_from_slice(&[channel.sum.cast_unsigned(), channel.scale.to_bits(), bias.to_bits()]);
    }

    fn convert(isa: Isa, values: &[f32], words: &mut [u32]) -> Self::Scale {
        quantize::activations(isa, values, bytes_of_words_mut(words))
    }

    fn finish<E: Element>(isa: Isa, tile: &Epilogue<'_, Self::Scale>, y: MatrixMut<'_, E>) {
        dequantize::write(isa, tile, y);
    }
}
