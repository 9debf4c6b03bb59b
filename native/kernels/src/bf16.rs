//! bf16: f32 with 8 instead of 24 significant bits, multiplied exactly and summed in f32.
//!
//! Both operands are rounded to nearest, ties to even: relative errors of at most 2⁻⁹ each.

use crate::activation::Activation;
use crate::element::{Element, Sealed as _};
use crate::fp32::add_bias;
use crate::gemm::Finished;
use crate::isa::Isa;
use crate::linear::{Format, Linear, Sealed};
use crate::matrix::MatrixMut;
use crate::panels::PackedFormat;
use crate::words::halves_of_words_mut;

/// The format of [`Bf16Linear`].
#[derive(Debug, Default)]
pub struct Bf16;

/// A linear operator with bf16 weights and activations.
///
/// Worth its rounding only where the CPU multiplies bf16: see [`Bf16Linear::is_available`]. Elsewhere it
/// computes in plain Rust, slowly, and with roundings that differ from the hardware's.
pub type Bf16Linear = Linear<Bf16>;

impl Bf16Linear {
    /// Whether this machine multiplies bf16 in hardware.
    pub fn is_available() -> bool {
        Isa::best().has_bf16()
    }
}

impl Format for Bf16 {
    type Written = half::bf16;
    type Attended = Self;
}

impl Sealed for Bf16 {
    type Scale = ();

    const PACKED: PackedFormat = PackedFormat::Bf16;

    fn pack(isa: Isa, weights: &[f32], bias: f32, words: &mut [u32], tails: &mut [u32]) {
        round(isa, weights, words);
        tails[0] = bias.to_bits();
    }

    fn convert(isa: Isa, values: &[f32], words: &mut [u32]) {
        round(isa, values, words);
    }

    fn finish<E: Element>(isa: Isa, tile: &Finished<'_>, _: &[()], activation: Activation, y: MatrixMut<'_, E>) {
        add_bias(isa, tile, activation, y);
    }
}

vectorized! {
    /// Rounds a row into words of two bf16, one after the other in memory; zeros after its end.
    fn round(values: &[f32], words: &mut [u32]) = round_row
}

#[inline(always)]
fn round_row(values: &[f32], words: &mut [u32]) {
    let (halves, tail) = halves_of_words_mut(words).split_at_mut(values.len());
    for (half, value) in halves.iter_mut().zip(values) {
        *half = half::bf16::of(*value);
    }
    tail.fill(half::bf16::ZERO);
}

/// To nearest, ties to even; a NaN stays one.
#[inline(always)]
pub(crate) fn bits(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    (if value.is_nan() { bits >> 16 | 0x40 } else { rounded }) as u16
}

#[cfg(test)]
mod tests {
    use super::bits;

    #[test]
    fn rounding_is_to_nearest_with_ties_to_even() {
        for (value, rounded) in [
            (0x3f80_0000, 0x3f80),
            (0x3f80_8000, 0x3f80),
            (0x3f81_8000, 0x3f82),
            (0x3f80_8001, 0x3f81),
            (0xbf80_7fff, 0xbf80),
            (0x7f7f_ffff, 0x7f80),
            (0x7f80_0000, 0x7f80),
            (0x0000_0001, 0),
        ] {
            assert_eq!(bits(f32::from_bits(value)), rounded, "{value:x}");
        }
        assert!(f32::from_bits(u32::from(bits(f32::from_bits(0x7f80_0001))) << 16).is_nan());
    }
}
