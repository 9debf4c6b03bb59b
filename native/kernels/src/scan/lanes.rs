//! The loops of a scan over the registers of an instruction set.

use super::Scan;

/// A register of an instruction set, as far as scans need it.
pub(super) trait Lanes {
    type Bytes: Copy;
    type Sums: Copy;
    /// In a register; divides `ROW_BYTES`.
    const BYTES: usize;
    /// What is added to every byte of a row, since the multiplication takes unsigned bytes on that side.
    const SHIFT: i32;

    /// # Safety
    /// As of all here: the CPU must have the instructions. There must be `BYTES` bytes at `bytes`.
    unsafe fn row(bytes: *const i8) -> Self::Bytes;

    /// # Safety
    /// As of [`Lanes::row`].
    unsafe fn query(bytes: *const i8) -> Self::Bytes;

    /// # Safety
    /// The CPU must have the instructions.
    unsafe fn zero() -> Self::Sums;

    /// Adds the products of a row's bytes with a query's.
    ///
    /// # Safety
    /// The CPU must have the instructions.
    unsafe fn add(sums: Self::Sums, row: Self::Bytes, query: Self::Bytes) -> Self::Sums;

    /// # Safety
    /// The CPU must have the instructions.
    unsafe fn total(sums: Self::Sums) -> i32;
}

/// Queries that share a load of a row.
const GROUP: usize = 4;

/// # Safety
/// The CPU must have the instructions of `L`, and the lengths of `scan` must fit together.
#[inline(always)]
pub(super) unsafe fn run<L: Lanes>(scan: Scan<'_>) {
    let Scan { stride, rows, queries, products } = scan;
    let count = rows.len() / stride;
    if count == 0 {
        return;
    }
    let groups = queries.chunks(GROUP * stride).zip(products.chunks_mut(GROUP * count));
    for (queries, products) in groups {
        // SAFETY: the caller's; a group has a whole number of queries and their products.
        unsafe {
            match queries.len() / stride {
                1 => group::<L, 1>(stride, rows, queries, products),
                2 => group::<L, 2>(stride, rows, queries, products),
                3 => group::<L, 3>(stride, rows, queries, products),
                _ => group::<L, GROUP>(stride, rows, queries, products),
            }
        }
    }
}

/// # Safety
/// As of [`run`]; there must be `Q` queries.
#[inline(always)]
unsafe fn group<L: Lanes, const Q: usize>(stride: usize, rows: &[i8], queries: &[i8], products: &mut [i32]) {
    let count = rows.len() / stride;
    let mut shifts = [0; Q];
    for (query, shift) in queries.chunks_exact(stride).zip(&mut shifts) {
        let sum: i32 = query.iter().map(|&byte| i32::from(byte)).sum();
        *shift = sum * L::SHIFT;
    }
    for row in 0..count {
        // SAFETY: `row` is one of the rows, and each step of `at` stays in it, for `BYTES` divides `stride`.
        unsafe {
            let bytes = rows.as_ptr().add(row * stride);
            let mut sums = [L::zero(); Q];
            for at in (0..stride).step_by(L::BYTES) {
                let bytes = L::row(bytes.add(at));
                for (query, sums) in sums.iter_mut().enumerate() {
                    *sums = L::add(*sums, bytes, L::query(queries.as_ptr().add(query * stride + at)));
                }
            }
            for (query, sums) in sums.into_iter().enumerate() {
                *products.get_unchecked_mut(query * count + row) = L::total(sums) - shifts[query];
            }
        }
    }
}
