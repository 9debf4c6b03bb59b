//! 32 products an instruction, on client CPUs.

use std::arch::x86_64::{
    __m256i, _mm256_dpbusd_avx_epi32, _mm256_loadu_si256, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_xor_si256,
};

use super::{
    Scan, avx2,
    lanes::{self, Lanes},
};

/// # Safety
/// The CPU must have AVX2 and AVX-VNNI, and the lengths of `scan` must fit together.
#[target_feature(enable = "avx2,avxvnni")]
pub(super) unsafe fn run(scan: Scan<'_>) {
    // SAFETY: the caller's.
    unsafe { lanes::run::<AvxVnni>(scan) }
}

struct AvxVnni;

impl Lanes for AvxVnni {
    type Bytes = __m256i;
    type Sums = __m256i;
    const BYTES: usize = 32;
    const SHIFT: i32 = 128;

    #[inline(always)]
    unsafe fn row(bytes: *const i8) -> __m256i {
        // SAFETY: the caller's. To flip the highest bit of a signed byte is to add 128 to it.
        unsafe { _mm256_xor_si256(_mm256_loadu_si256(bytes.cast()), _mm256_set1_epi8(i8::MIN)) }
    }

    #[inline(always)]
    unsafe fn query(bytes: *const i8) -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_loadu_si256(bytes.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn add(sums: __m256i, row: __m256i, query: __m256i) -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_dpbusd_avx_epi32(sums, row, query) }
    }

    #[inline(always)]
    unsafe fn total(sums: __m256i) -> i32 {
        // SAFETY: the caller's.
        unsafe { avx2::total(sums) }
    }
}
