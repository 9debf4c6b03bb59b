//! Memory for packed weights.

use crate::words::Line;

/// Zeroed lines, in huge pages where the operating system has them for the asking.
///
/// Weights are written once and read by every batch: in pages of 4 KiB, a third of the time of packing goes
/// into page faults, and every pass over a matrix misses the translation cache.
pub(crate) fn zeroed_lines(count: usize) -> Vec<Line> {
    let mut lines = Vec::with_capacity(count);
    advise(&mut lines);
    lines.resize(count, Line::ZERO);
    lines
}

/// Only whole pages inside the allocation are concerned; an error means that pages stay as they are.
#[cfg(target_os = "linux")]
fn advise(lines: &mut Vec<Line>) {
    const PAGE: usize = 4096;
    let spare = lines.spare_capacity_mut();
    let start = spare.as_mut_ptr() as usize;
    let (first, end) = (start.next_multiple_of(PAGE), (start + size_of_val(spare)) / PAGE * PAGE);
    if first < end {
        // SAFETY: the range lies within memory that is ours and not yet in use; the advice changes the size
        // of its pages, not their contents.
        unsafe { libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &mut Vec<Line>) {}
