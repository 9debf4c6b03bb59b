//! 16 products an instruction: bytes are made words first, whose products cannot saturate.

use std::arch::x86_64::{
    __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_loadu_si128, _mm_shuffle_epi32, _mm256_add_epi32,
    _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_extracti128_si256, _mm256_madd_epi16, _mm256_setzero_si256,
};

use super::{
    Scan,
    lanes::{self, Lanes},
};

/// # Safety
/// The CPU must have AVX2, and the lengths of `scan` must fit together.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn run(scan: Scan<'_>) {
    // SAFETY: the caller's.
    unsafe { lanes::run::<Avx2>(scan) }
}

struct Avx2;

impl Lanes for Avx2 {
    /// Words.
    type Bytes = __m256i;
    type Sums = __m256i;
    const BYTES: usize = 16;
    const SHIFT: i32 = 0;

    #[inline(always)]
    unsafe fn row(bytes: *const i8) -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes.cast())) }
    }

    #[inline(always)]
    unsafe fn query(bytes: *const i8) -> __m256i {
        // SAFETY: the caller's.
        unsafe { Self::row(bytes) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn add(sums: __m256i, row: __m256i, query: __m256i) -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(row, query)) }
    }

    #[inline(always)]
    unsafe fn total(sums: __m256i) -> i32 {
        // SAFETY: the caller's.
        unsafe { total(sums) }
    }
}

/// The sum of a register's eight integers.
///
/// # Safety
/// The CPU must have AVX2.
#[inline(always)]
pub(super) unsafe fn total(sums: __m256i) -> i32 {
    // SAFETY: the caller's.
    unsafe {
        let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
        _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two)))
    }
}
