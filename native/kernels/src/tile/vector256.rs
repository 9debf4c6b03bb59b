//! 256-bit kernels whose step is one instruction: AVX-VNNI for int8, FMA for f32.
//!
//! A tile is walked in blocks of 4 rows × 2 registers of sums. More would still fit in sixteen registers, but
//! with 4 × 3 none is left over, and the compiler then moves sums about at half the speed.

use std::arch::x86_64::{
    __m256i, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_dpbusd_avx_epi32, _mm256_fmadd_ps, _mm256_loadu_si256,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::{
    PANEL_COLUMNS, Tile,
    blocks::{self, Block},
};

const WIDTH: usize = 8;
const VECTORS: usize = 2;

/// Adds the products of one word of a row (in every lane) with 8 words of the panel.
trait Step {
    /// # Safety
    /// The CPU must have the instruction.
    unsafe fn step(sums: __m256i, row: __m256i, panel: __m256i) -> __m256i;
}

struct Vnni;

impl Step for Vnni {
    #[inline(always)]
    unsafe fn step(sums: __m256i, row: __m256i, panel: __m256i) -> __m256i {
        // SAFETY: the caller's.
        unsafe { _mm256_dpbusd_avx_epi32(sums, row, panel) }
    }
}

struct Fma;

impl Step for Fma {
    #[inline(always)]
    unsafe fn step(sums: __m256i, row: __m256i, panel: __m256i) -> __m256i {
        // SAFETY: the caller's.
        unsafe {
            let [row, panel, sums] = [_mm256_castsi256_ps(row), _mm256_castsi256_ps(panel), _mm256_castsi256_ps(sums)];
            _mm256_castps_si256(_mm256_fmadd_ps(row, panel, sums))
        }
    }
}

#[target_feature(enable = "avx2,avxvnni")]
pub(super) fn q8(tile: &mut Tile<'_>) {
    // SAFETY: the features are enabled.
    unsafe { blocks::multiply::<Vnni, PANEL_COLUMNS>(tile) }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn f32<const COLUMNS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    // SAFETY: the features are enabled.
    unsafe { blocks::multiply::<Fma, COLUMNS>(tile) }
}

impl<S: Step, const COLUMNS: usize> Block<COLUMNS> for S {
    const WIDTH: usize = VECTORS * WIDTH;

    #[inline(always)]
    unsafe fn multiply<const R: usize>(tile: &mut Tile<'_, COLUMNS>, first: usize, column: usize) {
        // SAFETY: `Tile::new` checked that each of the rows has `panel.len()` words; the rest is the caller's.
        unsafe {
            let rows = tile.rows.as_ptr().add(first * tile.stride);
            let target = tile.sums.as_mut_ptr().add(first).cast::<u32>().add(column);
            let mut sums = [[_mm256_setzero_si256(); VECTORS]; R];
            if tile.resume {
                for (row, sums) in sums.iter_mut().enumerate() {
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        *sum = _mm256_loadu_si256(target.add(row * COLUMNS + vector * WIDTH).cast());
                    }
                }
            }
            for (word, columns) in tile.panel.iter().enumerate() {
                let mut panel = [_mm256_setzero_si256(); VECTORS];
                for (vector, panel) in panel.iter_mut().enumerate() {
                    *panel = _mm256_loadu_si256(columns.as_ptr().add(column + vector * WIDTH).cast());
                }
                for (row, sums) in sums.iter_mut().enumerate() {
                    let x = _mm256_set1_epi32(rows.add(row * tile.stride + word).read().cast_signed());
                    for (sum, panel) in sums.iter_mut().zip(panel) {
                        *sum = S::step(*sum, x, panel);
                    }
                }
            }
            for (row, sums) in sums.iter().enumerate() {
                for (vector, sum) in sums.iter().enumerate() {
                    _mm256_storeu_si256(target.add(row * COLUMNS + vector * WIDTH).cast(), *sum);
                }
            }
        }
    }
}
