//! Inner products of vectors of f16: what the links of an index's graph are found and followed by.
//!
//! The product of two f16 is an f32 without rounding, and the sums are made in one order, so all instruction sets give the
//! same bits.

use half::f16;

use crate::lanes::{fold, sum};

/// Sums that are made side by side: enough registers that no addition waits for the one before.
const LANES: usize = 32;

vectorized! {
    /// The inner product of `left` and `right`, which are of one length and finite; what one has more is left out.
    pub fn product(left: &[f16], right: &[f16]) -> f32 = product_body
}

#[inline(always)]
fn product_body(left: &[f16], right: &[f16]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let ((lefts, last_lefts), (rights, last_rights)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    for (left, right) in lefts.iter().zip(rights) {
        for lane in 0..LANES {
            sums[lane] += widened(left[lane]) * widened(right[lane]);
        }
    }
    for ((total, &left), &right) in sums.iter_mut().zip(last_lefts).zip(last_rights) {
        *total += widened(left) * widened(right);
    }
    fold(sums, sum)
}

/// A finite `value` as f32: its bits in their places, and what the two formats' exponents differ by. Unlike the CPU's own
/// conversion it needs no extension of AVX2, and the compiler makes vectors of it.
#[inline(always)]
fn widened(value: f16) -> f32 {
    /// 2^112: exponents are counted from -15 and from -127.
    const EXPONENTS: f32 = f32::from_bits((112 + 127) << 23);
    let bits = i32::from(value.to_bits().cast_signed()) << 13;
    f32::from_bits(bits.cast_unsigned() & 0x8fff_ffff) * EXPONENTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn every_finite_value_is_widened_as_it_is() {
        for value in (0..=u16::MAX).map(f16::from_bits).filter(|value| value.is_finite()) {
            assert_eq!(widened(value).to_bits(), value.to_f32().to_bits(), "{value}");
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f16::from_f32((state >> 8) as f32 / 8_388_608.0 - 1.0)
        };
        for length in (0..=2 * LANES).chain([384, 1000]) {
            let (left, right): (Vec<_>, Vec<_>) = (0..length).map(|_| (next(), next())).unzip();
            let expected: f64 = left.iter().zip(&right).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            let scalar = product(Isa::scalar(), &left, &right);
            assert!((f64::from(scalar) - expected).abs() < 1e-4, "{length} values: {scalar}, not {expected}");
            for isa in Isa::available() {
                assert_eq!(product(isa, &left, &right).to_bits(), scalar.to_bits(), "{isa}, {length} values");
            }
        }
    }
}
