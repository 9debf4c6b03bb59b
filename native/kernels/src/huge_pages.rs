//! Memory for packed weights.
//!
//! Weights are written once and read from end to end by every batch. In pages of 4 KiB, every page of them
//! costs a walk through the page tables, and the processor's prefetchers stop at each boundary: the products of
//! a base-size encoder take an eighth longer. One operator is too small for huge pages of its own, so operators
//! share chunks of them.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ops::{Deref, DerefMut},
    ptr::NonNull,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crate::words::Line;

/// The usual size; where the system's is another, the pages are what they are.
const HUGE_PAGE: usize = 2 << 20;

/// What is asked of the system at once. Only what is written to takes memory.
const CHUNK: usize = 64 << 20;

/// Lines that hold packed weights, and the chunk they lie in.
pub(crate) struct Lines {
    start: NonNull<Line>,
    count: usize,
    /// Freed with the last of its lines.
    _chunk: Arc<Chunk>,
}

// SAFETY: no other `Lines` reaches this part of the chunk.
unsafe impl Send for Lines {}
// SAFETY: as above; what is shared is only read.
unsafe impl Sync for Lines {}

impl Lines {
    /// Zeroed lines, in huge pages where the operating system has them for the asking.
    pub(crate) fn zeroed(count: usize) -> Self {
        /// The chunk that was begun last, and its bytes that are taken.
        static LAST: Mutex<(Weak<Chunk>, usize)> = Mutex::new((Weak::new(), 0));
        let bytes = count * size_of::<Line>();
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = last.0.upgrade().filter(|chunk| chunk.layout.size() - last.1 >= bytes);
        let chunk = begun.unwrap_or_else(|| {
            let chunk = Arc::new(Chunk::new(bytes.max(CHUNK)));
            *last = (Arc::downgrade(&chunk), 0);
            chunk
        });
        // SAFETY: `bytes` from here on lie within the chunk, and are on a cache line, as all before them were.
        let start = unsafe { chunk.start.add(last.1) }.cast::<Line>();
        last.1 += bytes;
        drop(last);
        // SAFETY: they were given to nobody else, and zeros are lines.
        unsafe { start.write_bytes(0, count) };
        Self { start, count, _chunk: chunk }
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        // SAFETY: `zeroed` made `count` lines there, which are reached through this value only.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [Line] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.count) }
    }
}

/// Memory on the boundaries of huge pages, not yet initialized.
struct Chunk {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a chunk itself reads and writes nothing.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

impl Chunk {
    fn new(bytes: usize) -> Self {
        let layout = Layout::from_size_align(bytes.next_multiple_of(HUGE_PAGE), HUGE_PAGE)
            .expect("packed weights are smaller than the address space");
        // SAFETY: the size is not zero, as `CHUNK` is not.
        let start = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: the range is ours and not yet in use; the advice changes the size of its pages, not their
        // contents. An error means that they stay as they are. Miri has no pages.
        #[cfg(all(target_os = "linux", not(miri)))]
        unsafe {
            libc::madvise(start.as_ptr().cast(), layout.size(), libc::MADV_HUGEPAGE)
        };
        Self { start, layout }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout; whoever holds lines in it keeps it alive.
        unsafe { dealloc(self.start.as_ptr(), self.layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Lines};
    use crate::words::{words_of_lines, words_of_lines_mut};

    #[test]
    fn lines_are_zero_and_apart() {
        let mut all: Vec<_> = [1, 3, 0, 1000, CHUNK / 64 + 1, 7].map(Lines::zeroed).into();
        // Reuses what was written to before, if anything is reused.
        words_of_lines_mut(&mut Lines::zeroed(5)).fill(9);
        for (index, lines) in all.iter_mut().enumerate() {
            assert_eq!(lines.as_ptr().addr() % 64, 0);
            assert!(words_of_lines(lines).iter().all(|word| *word == 0));
            words_of_lines_mut(lines).fill(index as u32 + 1);
        }
        for (index, lines) in all.iter().enumerate() {
            assert!(words_of_lines(lines).iter().all(|word| *word == index as u32 + 1));
        }
    }
}
