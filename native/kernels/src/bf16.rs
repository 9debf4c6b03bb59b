//! bf16: f32 with 8 instead of 24 significant bits, multiplied exactly and summed in f32.
//!
//! Both operands are rounded to nearest, ties to even: relative errors of at most 2⁻⁹ each.

use half::bf16;

use crate::activation::Activation;
use crate::element::Element;
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
    type Written = bf16;
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
    /// Rounds a row of values; zeros after its end.
    fn round_as<E, ROUND>(values: &[f32], elements: &mut [E]) = round_row
}

/// Rounds a row into words of two bf16, one after the other in memory; zeros after its end.
fn round(isa: Isa, values: &[f32], words: &mut [u32]) {
    round_as::<bf16>(isa, values, halves_of_words_mut(words));
}

#[inline(always)]
fn round_row<E: Element, const ROUND: bool>(values: &[f32], elements: &mut [E]) {
    const LANES: usize = 16;
    let (elements, tail) = elements.split_at_mut(values.len());
    let ((chunks, rest), (targets, last)) = (values.as_chunks::<LANES>(), elements.as_chunks_mut::<LANES>());
    for (target, chunk) in targets.iter_mut().zip(chunks) {
        // SAFETY: `ROUND` is only set with the instructions for it.
        *target = unsafe { E::of_all::<ROUND, LANES>(*chunk) };
    }
    for (element, value) in last.iter_mut().zip(rest) {
        *element = E::of(*value);
    }
    tail.fill(E::default());
}

/// To nearest, ties to even; a NaN stays one, a subnormal becomes zero. As the instruction does, and the product
/// takes a subnormal for zero anyway.
#[inline(always)]
pub(crate) fn bits(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    let finite = if bits & 0x7f80_0000 == 0 { bits >> 16 & 0x8000 } else { rounded };
    (if value.is_nan() { bits >> 16 | 0x40 } else { finite }) as u16
}

/// [`bits`] of each.
///
/// # Safety
/// The CPU must have AVX-512 F, VL and BF16.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) unsafe fn round_in_hardware<const N: usize>(values: [f32; N]) -> [bf16; N] {
    use std::arch::x86_64::{__m256bh, __m256i, _mm256_storeu_si256, _mm512_cvtneps_pbh, _mm512_loadu_ps};

    const LANES: usize = 16;
    const { assert!(N.is_multiple_of(LANES)) }
    let mut rounded = [bf16::ZERO; N];
    for first in (0..N).step_by(LANES) {
        // SAFETY: both arrays have `LANES` numbers from `first` on; the instructions are the caller's, and both vector
        // types are 32 bytes of any pattern.
        unsafe {
            let halves = _mm512_cvtneps_pbh(_mm512_loadu_ps(values.as_ptr().add(first)));
            let halves = std::mem::transmute::<__m256bh, __m256i>(halves);
            _mm256_storeu_si256(rounded.as_mut_ptr().add(first).cast(), halves);
        }
    }
    rounded
}

#[cfg(test)]
mod tests {
    use super::{bf16, bits, round_as};
    use crate::Isa;

    #[test]
    fn rows_are_rounded_alike_everywhere() {
        // Every sign, exponent and neighbour of a tie.
        let patterns = (0..1 << 10).flat_map(|top: u32| {
            [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff, 0x1_8000, 0x3f_ffff].map(|low| top << 22 | low)
        });
        let values: Vec<f32> = patterns.map(f32::from_bits).chain([1.5; 7]).collect();
        for isa in Isa::available() {
            let mut rounded = vec![bf16::NAN; values.len() + 2];
            round_as(isa, &values, &mut rounded);
            for (rounded, value) in rounded.iter().zip(&values) {
                assert_eq!(rounded.to_bits(), bits(*value), "{isa} {:x}", value.to_bits());
            }
            assert_eq!(rounded[values.len()..], [bf16::ZERO; 2]);
        }
    }

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
            (0x807f_ffff, 0x8000),
        ] {
            assert_eq!(bits(f32::from_bits(value)), rounded, "{value:x}");
        }
        assert!(f32::from_bits(u32::from(bits(f32::from_bits(0x7f80_0001))) << 16).is_nan());
    }
}
