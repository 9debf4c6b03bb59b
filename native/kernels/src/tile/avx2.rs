//! int8 for CPUs without a dot-product instruction.
//!
//! `vpmaddubsw` would be the obvious choice, but it saturates: 255 · 127 · 2 does not fit in 16 bits.
//! Both operands are widened to 16 bits instead, and `vpmaddwd` adds pairs of exact products in 32 bits.

use std::arch::x86_64::{
    _mm_loadu_si128, _mm_set1_epi32, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16, _mm256_hadd_epi32,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_permute4x64_epi64, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::{
    PANEL_COLUMNS, Tile,
    blocks::{self, Block},
};

#[target_feature(enable = "avx2")]
pub(super) fn q8(tile: &mut Tile<'_>) {
    // SAFETY: the feature is enabled.
    unsafe { blocks::multiply::<Widening, PANEL_COLUMNS>(tile) }
}

struct Widening;

impl Block<PANEL_COLUMNS> for Widening {
    const WIDTH: usize = 8;

    #[inline(always)]
    unsafe fn multiply<const R: usize>(tile: &mut Tile<'_>, first: usize, column: usize) {
        // SAFETY: `Tile::new` checked that each of the rows has `panel.len()` words; the rest is the caller's.
        unsafe {
            let rows = tile.rows.as_ptr().add(first * tile.stride);
            // Two lanes of 32 bits per column: four columns in a register.
            let mut sums = [[_mm256_setzero_si256(); 2]; R];
            for (word, columns) in tile.panel.iter().enumerate() {
                let panel = [0, 4]
                    .map(|offset| _mm256_cvtepi8_epi16(_mm_loadu_si128(columns.as_ptr().add(column + offset).cast())));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let x = rows.add(row * tile.stride + word).read().cast_signed();
                    let x = _mm256_cvtepu8_epi16(_mm_set1_epi32(x));
                    for (sum, panel) in sums.iter_mut().zip(panel) {
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, panel));
                    }
                }
            }
            for (row, [left, right]) in sums.into_iter().enumerate() {
                let target = tile.sums.as_mut_ptr().add(first + row).cast::<u32>().add(column);
                // Columns 0 1 4 5 | 2 3 6 7 after the horizontal addition.
                let ordered = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(left, right));
                let before = if tile.resume { _mm256_loadu_si256(target.cast()) } else { _mm256_setzero_si256() };
                _mm256_storeu_si256(target.cast(), _mm256_add_epi32(before, ordered));
            }
        }
    }
}
