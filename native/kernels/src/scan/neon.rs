//! 16 products an instruction: NEON's `sdot`, which takes signed bytes on both sides.

use std::arch::aarch64::{int32x4_t, vaddvq_s32, vdupq_n_s32, vld1q_s32};

use super::{
    Scan,
    lanes::{self, Lanes},
};
use crate::tile::neon::dot;

/// # Safety
/// The CPU must have NEON's dot products, and the lengths of `scan` must fit together.
#[target_feature(enable = "neon,dotprod")]
pub(super) unsafe fn run(scan: Scan<'_>) {
    // SAFETY: the caller's.
    unsafe { lanes::run::<NeonDot>(scan) }
}

struct NeonDot;

impl Lanes for NeonDot {
    type Bytes = int32x4_t;
    type Sums = int32x4_t;
    const BYTES: usize = 16;
    const SHIFT: i32 = 0;

    #[inline(always)]
    unsafe fn row(bytes: *const i8) -> int32x4_t {
        // SAFETY: the caller's; the load needs no alignment.
        unsafe { vld1q_s32(bytes.cast()) }
    }

    #[inline(always)]
    unsafe fn query(bytes: *const i8) -> int32x4_t {
        // SAFETY: the caller's.
        unsafe { Self::row(bytes) }
    }

    #[inline(always)]
    unsafe fn zero() -> int32x4_t {
        // SAFETY: the caller's.
        unsafe { vdupq_n_s32(0) }
    }

    #[inline(always)]
    unsafe fn add(sums: int32x4_t, row: int32x4_t, query: int32x4_t) -> int32x4_t {
        // SAFETY: the caller's.
        unsafe { dot(sums, row, query) }
    }

    #[inline(always)]
    unsafe fn total(sums: int32x4_t) -> i32 {
        // SAFETY: the caller's.
        unsafe { vaddvq_s32(sums) }
    }
}
