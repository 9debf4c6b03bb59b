//! Rows of words as columns of a panel, in blocks of 16 by 16: cache lines in, cache lines out.

use crate::{isa::Isa, words::Line};

/// Rows and columns of a block.
pub(super) const LANES: usize = Line::WORDS;

type Block = [[u32; LANES]; LANES];

/// Transposes a block.
trait Transpose {
    /// # Safety
    /// The CPU must have the implementation's instructions.
    unsafe fn transposed(block: &Block) -> Block;
}

/// Writes `count` rows of `depth` words, `stride` apart, as the columns of `panel[depth][panel.len() / depth]`; zeros
/// in the columns after them. The panel is a multiple of [`LANES`] wide.
pub(super) fn transpose(isa: Isa, rows: &[u32], stride: usize, count: usize, depth: usize, panel: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if isa.level() == crate::isa::Level::Avx512 {
        // SAFETY: an `Isa` exists only where the CPU has its instructions.
        return unsafe { avx512::blocks(rows, stride, count, depth, panel) };
    }
    plain_blocks(isa, rows, stride, count, depth, panel);
}

#[inline(always)]
unsafe fn blocks<T: Transpose>(rows: &[u32], stride: usize, count: usize, depth: usize, panel: &mut [u32]) {
    let columns = panel.len() / depth;
    for first in (0..columns).step_by(LANES) {
        let count = count.saturating_sub(first).min(LANES);
        for start in (0..depth).step_by(LANES) {
            let mut block = [[0; LANES]; LANES];
            for (lane, block) in block.iter_mut().enumerate().take(count) {
                let row = &rows[(first + lane) * stride + start..];
                match row.first_chunk() {
                    Some(row) if depth - start >= LANES => *block = *row,
                    _ => block[..depth - start].copy_from_slice(&row[..depth - start]),
                }
            }
            // SAFETY: the caller's.
            let block = unsafe { T::transposed(&block) };
            for (target, words) in panel[start * columns..].chunks_exact_mut(columns).zip(&block) {
                *target[first..].first_chunk_mut().expect("panels are whole lines") = *words;
            }
        }
    }
}

struct Plain;

impl Transpose for Plain {
    #[inline(always)]
    unsafe fn transposed(block: &Block) -> Block {
        let mut columns = [[0; LANES]; LANES];
        for (word, column) in columns.iter_mut().enumerate() {
            for lane in 0..LANES {
                column[lane] = block[lane][word];
            }
        }
        columns
    }
}

vectorized! {
    fn plain_blocks(rows: &[u32], stride: usize, count: usize, depth: usize, panel: &mut [u32]) = plain_body
}

#[inline(always)]
fn plain_body(rows: &[u32], stride: usize, count: usize, depth: usize, panel: &mut [u32]) {
    // SAFETY: plain Rust runs anywhere.
    unsafe { blocks::<Plain>(rows, stride, count, depth, panel) }
}

/// 64 shuffles. What the compiler makes of the plain loops takes twice as long.
#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512i, _mm512_shuffle_i32x4, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
        _mm512_unpacklo_epi64,
    };

    use super::{Block, LANES, Transpose};

    struct Shuffles;

    impl Transpose for Shuffles {
        #[inline(always)]
        unsafe fn transposed(block: &Block) -> Block {
            // SAFETY: a block is 16 registers of any pattern; the instructions are the caller's.
            unsafe {
                let mut from: [__m512i; LANES] = std::mem::transmute(*block);
                let mut to = from;
                // Words of neighbours, then pairs: quarters hold four rows of a column.
                for index in 0..LANES / 2 {
                    to[2 * index] = _mm512_unpacklo_epi32(from[2 * index], from[2 * index + 1]);
                    to[2 * index + 1] = _mm512_unpackhi_epi32(from[2 * index], from[2 * index + 1]);
                }
                for four in (0..LANES).step_by(4) {
                    for half in 0..2 {
                        from[four + 2 * half] = _mm512_unpacklo_epi64(to[four + half], to[four + half + 2]);
                        from[four + 2 * half + 1] = _mm512_unpackhi_epi64(to[four + half], to[four + half + 2]);
                    }
                }
                // Quarters of rows 0 to 7 and 8 to 15, then of all.
                for half in [0, 8] {
                    for word in 0..4 {
                        let (low, high) = (from[half + word], from[half + 4 + word]);
                        to[half + word] = _mm512_shuffle_i32x4::<0b10_00_10_00>(low, high);
                        to[half + 4 + word] = _mm512_shuffle_i32x4::<0b11_01_11_01>(low, high);
                    }
                }
                for word in 0..8 {
                    from[word] = _mm512_shuffle_i32x4::<0b10_00_10_00>(to[word], to[8 + word]);
                    from[8 + word] = _mm512_shuffle_i32x4::<0b11_01_11_01>(to[word], to[8 + word]);
                }
                std::mem::transmute(from)
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn blocks(rows: &[u32], stride: usize, count: usize, depth: usize, panel: &mut [u32]) {
        // SAFETY: the feature is enabled.
        unsafe { super::blocks::<Shuffles>(rows, stride, count, depth, panel) }
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, transpose};
    use crate::Isa;

    #[test]
    fn rows_become_columns_and_zeros_follow() {
        for depth in [1, 15, 16, 17, 32, 40] {
            for count in [1_usize, 16, 20, 48] {
                let (stride, columns) = (depth + 3, count.next_multiple_of(LANES));
                let rows: Vec<u32> = (1..).take(count * stride).collect();
                for isa in Isa::available() {
                    let mut panel = vec![u32::MAX; depth * columns];
                    transpose(isa, &rows, stride, count, depth, &mut panel);
                    for (index, word) in panel.iter().enumerate() {
                        let (place, row) = (index / columns, index % columns);
                        let expected = if row < count { rows[row * stride + place] } else { 0 };
                        assert_eq!(*word, expected, "{isa} {count} × {depth}, row {row}, word {place}");
                    }
                }
            }
        }
    }
}
