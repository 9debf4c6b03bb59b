//! 256-bit kernels whose step is one instruction: AVX-VNNI for int8, FMA for f32.
//!
//! A tile is walked in blocks of 4 rows × 2 registers of sums. More would still fit in sixteen registers, but
//! with 4 × 3 none is left over, and the compiler then moves sums about at half the speed.

use std::arch::x86_64::{
    __m256i, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_dpbusd_avx_epi32, _mm256_fmadd_ps, _mm256_loadu_si256,
    _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::{PANEL_COLUMNS, Tile};

const WIDTH: usize = 8;
const VECTORS: usize = 2;
const BLOCK_ROWS: usize = 4;

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
    unsafe { blocks::<Vnni, PANEL_COLUMNS>(tile) }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn f32<const COLUMNS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    // SAFETY: the features are enabled.
    unsafe { blocks::<Fma, COLUMNS>(tile) }
}

/// # Safety
/// The CPU must have AVX2 and the instruction of `S`.
#[inline(always)]
unsafe fn blocks<S: Step, const COLUMNS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    const { assert!(COLUMNS.is_multiple_of(VECTORS * WIDTH)) }
    let count = tile.sums.len();
    for first in (0..count).step_by(BLOCK_ROWS) {
        for column in (0..COLUMNS).step_by(VECTORS * WIDTH) {
            // SAFETY: the caller's; the rows `first..` in the type exist, and the blocks divide a panel.
            unsafe {
                match count - first {
                    1 => block::<S, 1, COLUMNS>(tile, first, column),
                    2 => block::<S, 2, COLUMNS>(tile, first, column),
                    3 => block::<S, 3, COLUMNS>(tile, first, column),
                    _ => block::<S, 4, COLUMNS>(tile, first, column),
                }
            }
        }
    }
}

/// # Safety
/// As [`blocks`]; the tile must have the rows `first..first + R` and `VECTORS` registers of columns from `column` on.
#[inline(always)]
unsafe fn block<S: Step, const R: usize, const COLUMNS: usize>(
    tile: &mut Tile<'_, COLUMNS>,
    first: usize,
    column: usize,
) {
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
