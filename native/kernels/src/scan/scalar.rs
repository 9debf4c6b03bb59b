//! Plain Rust: what the others are compared with.

use super::{
    Scan,
    lanes::{self, Lanes},
};

/// # Safety
/// The lengths of `scan` must fit together.
pub(super) unsafe fn run(scan: Scan<'_>) {
    // SAFETY: the caller's.
    unsafe { lanes::run::<Scalar>(scan) }
}

struct Scalar;

impl Lanes for Scalar {
    type Bytes = [i8; 16];
    type Sums = i32;
    const BYTES: usize = 16;
    const SHIFT: i32 = 0;

    #[inline(always)]
    unsafe fn row(bytes: *const i8) -> [i8; 16] {
        // SAFETY: the caller's; bytes have no alignment.
        unsafe { bytes.cast::<[i8; 16]>().read() }
    }

    #[inline(always)]
    unsafe fn query(bytes: *const i8) -> [i8; 16] {
        // SAFETY: the caller's.
        unsafe { Self::row(bytes) }
    }

    #[inline(always)]
    unsafe fn zero() -> i32 {
        0
    }

    #[inline(always)]
    unsafe fn add(sums: i32, row: [i8; 16], query: [i8; 16]) -> i32 {
        let products = row.iter().zip(query).map(|(&row, query)| i32::from(row) * i32::from(query));
        sums + products.sum::<i32>()
    }

    #[inline(always)]
    unsafe fn total(sums: i32) -> i32 {
        sums
    }
}
