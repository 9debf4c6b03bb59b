//! Memory as 32-bit words on cache-line boundaries: the unit in which panels and rows are stored.

use half::bf16;

/// One cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line([u32; Line::WORDS]);

impl Line {
    pub(crate) const WORDS: usize = 16;
    pub(crate) const ZERO: Self = Self([0; Self::WORDS]);
}

pub(crate) fn words_of_lines(lines: &[Line]) -> &[u32] {
    // SAFETY: a `Line` is an array of `WORDS` words without padding.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * Line::WORDS) }
}

pub(crate) fn words_of_lines_mut(lines: &mut [Line]) -> &mut [u32] {
    // SAFETY: as above; every bit pattern is a valid word.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * Line::WORDS) }
}

pub(crate) fn words_of_floats(values: &[f32]) -> &[u32] {
    // SAFETY: `f32` and `u32` have the same size and alignment, and every bit pattern is a valid word.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), values.len()) }
}

pub(crate) fn floats_of_words(words: &[u32]) -> &[f32] {
    // SAFETY: as above; every bit pattern is a valid `f32`.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
}

pub(crate) fn floats_of_words_mut(words: &mut [u32]) -> &mut [f32] {
    // SAFETY: as above, in both directions.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len()) }
}

pub(crate) fn signed_of_words(words: &[u32]) -> &[i32] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len()) }
}

pub(crate) fn halves_of_words(words: &[u32]) -> &[bf16] {
    // SAFETY: halves need less alignment and have no invalid patterns.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len() * 2) }
}

pub(crate) fn halves_of_words_mut(words: &mut [u32]) -> &mut [bf16] {
    // SAFETY: as above; nor have words.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len() * 2) }
}

/// The words that halves make, if they start on a word; a last half without another is left out.
pub(crate) fn words_of_halves(halves: &[bf16]) -> Option<&[u32]> {
    let aligned = halves.as_ptr().addr().is_multiple_of(align_of::<u32>());
    // SAFETY: the start is aligned (just checked) and every bit pattern is a valid word.
    aligned.then(|| unsafe { std::slice::from_raw_parts(halves.as_ptr().cast(), halves.len() / 2) })
}

pub(crate) fn bytes_of_words_mut(words: &mut [u32]) -> &mut [u8] {
    // SAFETY: bytes have no alignment, and neither they nor words have invalid patterns.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len() * 4) }
}
