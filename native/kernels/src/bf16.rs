//! bf16: f32 with 8 instead of 24 significant bits, multiplied exactly and summed in f32.
//!
//! Both operands are rounded to nearest, ties to even: relative errors of at most 2⁻⁹ each.

use half::bf16;

use crate::{
    element::Element,
    format::{Epilogue, Format, Sealed},
    fp32::add_bias,
    isa::Isa,
    layout::PackedFormat,
    linear::Linear,
    matrix::MatrixMut,
    words::halves_of_words_mut,
};

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

    fn convert(isa: Isa, values: &[f32], words: &mut [u32]) {
        round(isa, values, words);
    }

    fn finish<E: Element>(isa: Isa, tile: &Epilogue<'_, ()>, y: MatrixMut<'_, E>) {
        add_bias(isa, tile, y);
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

#[cfg(test)]
mod tests {
    use super::{bf16, round_as};
    use crate::{isa::Isa, rounding::bits};

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
}
