//! From f32 to bf16: the same bits in software and in hardware.

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
pub(crate) unsafe fn round_in_hardware<const N: usize>(values: [f32; N]) -> [half::bf16; N] {
    use std::arch::x86_64::{__m256bh, __m256i, _mm256_storeu_si256, _mm512_cvtneps_pbh, _mm512_loadu_ps};

    const LANES: usize = 16;
    const { assert!(N.is_multiple_of(LANES)) }
    let mut rounded = [half::bf16::ZERO; N];
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
            (0x807f_ffff, 0x8000),
        ] {
            assert_eq!(bits(f32::from_bits(value)), rounded, "{value:x}");
        }
        assert!(f32::from_bits(u32::from(bits(f32::from_bits(0x7f80_0001))) << 16).is_nan());
    }
}
