//! Memory for packed weights.
//!
//! Weights are written once and read from end to end by every batch. In pages of 4 KiB, every page of them
//! costs a walk through the page tables, and the processor's prefetchers stop at each boundary: the products of
//! a base-size encoder take an eighth longer. One operator is too small for huge pages of its own, so the operators of
//! a model share chunks of them; those of several models do not, so that a model's memory goes when it goes.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ops::{Deref, DerefMut},
    ptr::NonNull,
    sync::{Arc, Mutex, PoisonError},
};

use crate::words::Line;

/// The usual size; where the system's is another, the pages are what they are.
const HUGE_PAGE: usize = 2 << 20;

/// What is asked of the system at once. Only what is written to takes memory.
const CHUNK: usize = 64 << 20;

/// Where the packed weights of one model lie. They are freed with the last operator that was packed into it, whenever it
/// goes itself.
#[derive(Default)]
pub struct WeightMemory(Mutex<Begun>);

/// The chunk that was begun last.
#[derive(Default)]
struct Begun {
    chunk: Option<Arc<Chunk>>,
    /// Bytes of it that are taken, and of all chunks.
    used: usize,
    all: usize,
}

impl WeightMemory {
    /// Bytes that have been taken of it.
    pub fn taken(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// What so many bytes of weights take of the system's memory: whole pages.
    pub fn resident(bytes: usize) -> usize {
        bytes.next_multiple_of(HUGE_PAGE)
    }

    /// Zeroed lines, in huge pages where the operating system has them for the asking.
    pub(crate) fn zeroed(&self, count: usize) -> Lines {
        let bytes = count * size_of::<Line>();
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = begun.used;
        let chunk = begun.chunk.take().filter(|chunk| chunk.layout.size() - used >= bytes);
        let chunk = chunk.unwrap_or_else(|| {
            begun.used = 0;
            Arc::new(Chunk::new(bytes.max(CHUNK)))
        });
        // SAFETY: `bytes` from here on lie within the chunk, and are on a cache line, as all before them were.
        let start = unsafe { chunk.start.add(begun.used) }.cast::<Line>();
        begun.used += bytes;
        begun.all += bytes;
        begun.chunk = Some(Arc::clone(&chunk));
        drop(begun);
        // SAFETY: they were given to nobody else, and zeros are lines.
        unsafe { start.write_bytes(0, count) };
        Lines { start, count, _chunk: chunk }
    }
}

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

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        // SAFETY: `WeightMemory::zeroed` made `count` lines there, which are reached through this value only.
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
    use super::{CHUNK, HUGE_PAGE, WeightMemory};
    use crate::words::{words_of_lines, words_of_lines_mut};

    #[test]
    fn lines_are_zero_and_apart() {
        let memory = WeightMemory::default();
        let mut all: Vec<_> = [1, 3, 0, 1000, CHUNK / 64 + 1, 7].map(|count| memory.zeroed(count)).into();
        assert_eq!(memory.taken(), CHUNK + 1012 * 64);
        // Reuses what was written to before, if anything is reused.
        words_of_lines_mut(&mut memory.zeroed(5)).fill(9);
        for (index, lines) in all.iter_mut().enumerate() {
            assert_eq!(lines.as_ptr().addr() % 64, 0);
            assert!(words_of_lines(lines).iter().all(|word| *word == 0));
            words_of_lines_mut(lines).fill(index as u32 + 1);
        }
        for (index, lines) in all.iter().enumerate() {
            assert!(words_of_lines(lines).iter().all(|word| *word == index as u32 + 1));
        }
    }

    #[test]
    fn weights_outlive_the_memory_that_they_were_packed_into_and_share_it_with_no_other() {
        let [mut one, other] = [(); 2].map(|()| WeightMemory::default().zeroed(3));
        words_of_lines_mut(&mut one).fill(7);
        assert!(words_of_lines(&other).iter().all(|word| *word == 0));
        assert!(one.as_ptr().addr().abs_diff(other.as_ptr().addr()) >= CHUNK);
    }

    #[test]
    fn memory_is_taken_in_whole_pages() {
        assert_eq!([0, 1, HUGE_PAGE, HUGE_PAGE + 1].map(WeightMemory::resident), [0, 1, 1, 2].map(|n| n * HUGE_PAGE));
    }
}
