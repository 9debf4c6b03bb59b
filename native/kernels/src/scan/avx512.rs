//! 64 products an instruction.

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_setzero_si512,
    _mm512_xor_si512,
};

use super::{
    Scan,
    lanes::{self, Lanes},
};

/// # Safety
/// The CPU must have AVX-512 F and VNNI, and the lengths of `scan` must fit together.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn run(scan: Scan<'_>) {
    // SAFETY: the caller's.
    unsafe { lanes::run::<Avx512>(scan) }
}

struct Avx512;

impl Lanes for Avx512 {
    type Bytes = __m512i;
    type Sums = __m512i;
    const BYTES: usize = 64;
    const SHIFT: i32 = 128;

    #[inline(always)]
    unsafe fn row(bytes: *const i8) -> __m512i {
        // SAFETY: the caller's. To flip the highest bit of a signed byte is to add 128 to it.
        unsafe { _mm512_xor_si512(_mm512_loadu_si512(bytes.cast()), _mm512_set1_epi8(i8::MIN)) }
    }

    #[inline(always)]
    unsafe fn query(bytes: *const i8) -> __m512i {
        // SAFETY: the caller's.
        unsafe { _mm512_loadu_si512(bytes.cast()) }
    }

    #[inline(always)]
    unsafe fn zero() -> __m512i {
        // SAFETY: the caller's.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn add(sums: __m512i, row: __m512i, query: __m512i) -> __m512i {
        // SAFETY: the caller's.
        unsafe { _mm512_dpbusd_epi32(sums, row, query) }
    }

    #[inline(always)]
    unsafe fn total(sums: __m512i) -> i32 {
        // SAFETY: the caller's.
        unsafe { _mm512_reduce_add_epi32(sums) }
    }
}
