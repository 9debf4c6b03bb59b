//! 512-bit kernels: rows × up to 3 registers of sums.

use std::arch::x86_64::{
    __m512bh, __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_dpbf16_ps,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::{PANEL_COLUMNS, Tile};
use crate::words::Line;

const WIDTH: usize = 16;

/// Adds the products of one word of a row (in every lane) with 16 words of the panel.
trait Step {
    /// # Safety
    /// The CPU must have the instruction.
    unsafe fn step(sums: __m512i, row: __m512i, panel: __m512i) -> __m512i;
}

struct Vnni;

impl Step for Vnni {
    #[inline(always)]
    unsafe fn step(sums: __m512i, row: __m512i, panel: __m512i) -> __m512i {
        // SAFETY: the caller's.
        unsafe { _mm512_dpbusd_epi32(sums, row, panel) }
    }
}

struct Bf16;

impl Step for Bf16 {
    #[inline(always)]
    unsafe fn step(sums: __m512i, row: __m512i, panel: __m512i) -> __m512i {
        // SAFETY: the caller's; both vector types are 64 bytes of any pattern.
        unsafe {
            let [row, panel] = [row, panel].map(|words| std::mem::transmute::<__m512i, __m512bh>(words));
            _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sums), row, panel))
        }
    }
}

struct Fma;

impl Step for Fma {
    #[inline(always)]
    unsafe fn step(sums: __m512i, row: __m512i, panel: __m512i) -> __m512i {
        // SAFETY: the caller's.
        unsafe {
            let [row, panel, sums] = [_mm512_castsi512_ps(row), _mm512_castsi512_ps(panel), _mm512_castsi512_ps(sums)];
            _mm512_castps_si512(_mm512_fmadd_ps(row, panel, sums))
        }
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn q8(tile: &mut Tile<'_>) {
    // SAFETY: the features are enabled.
    unsafe { dispatch::<Vnni, PANEL_COLUMNS, 3>(tile) }
}

#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn bf16<const COLUMNS: usize, const VECTORS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    // SAFETY: the features are enabled.
    unsafe { dispatch::<Bf16, COLUMNS, VECTORS>(tile) }
}

#[target_feature(enable = "avx512f")]
pub(super) fn f32<const COLUMNS: usize, const VECTORS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    // SAFETY: the feature is enabled.
    unsafe { dispatch::<Fma, COLUMNS, VECTORS>(tile) }
}

/// # Safety
/// The CPU must have AVX-512 F and the instruction of `S`.
#[inline(always)]
unsafe fn dispatch<S: Step, const COLUMNS: usize, const VECTORS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    const { assert!(COLUMNS == VECTORS * WIDTH) }
    // SAFETY: the caller's; the number of rows is the one in the type.
    unsafe {
        match tile.sums.len() {
            1 => rows::<S, 1, COLUMNS, VECTORS>(tile),
            2 => rows::<S, 2, COLUMNS, VECTORS>(tile),
            3 => rows::<S, 3, COLUMNS, VECTORS>(tile),
            4 => rows::<S, 4, COLUMNS, VECTORS>(tile),
            5 => rows::<S, 5, COLUMNS, VECTORS>(tile),
            6 => rows::<S, 6, COLUMNS, VECTORS>(tile),
            7 => rows::<S, 7, COLUMNS, VECTORS>(tile),
            _ => rows::<S, 8, COLUMNS, VECTORS>(tile),
        }
    }
}

/// # Safety
/// As [`dispatch`], and the tile must have at least `R` rows.
#[inline(always)]
unsafe fn rows<S: Step, const R: usize, const COLUMNS: usize, const VECTORS: usize>(tile: &mut Tile<'_, COLUMNS>) {
    // SAFETY: `Tile::new` checked that `R` rows of `panel.len()` words, `stride` apart, lie in `rows`; a
    // panel row and a row of sums are `VECTORS` registers each. The instructions are the caller's.
    unsafe {
        let mut sums = [[_mm512_setzero_si512(); VECTORS]; R];
        if tile.resume {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (vector, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm512_loadu_si512(tile.sums.as_ptr().add(row).cast::<u32>().add(vector * WIDTH).cast());
                }
            }
        }
        // Evenly over all steps, a line at most in each: more at once would hold up the loads.
        // Of nothing, fetch what is here: the address of an empty slice would cost a walk through the page tables.
        let mut ahead = if tile.ahead.is_empty() { tile.rows } else { tile.ahead }.as_ptr().cast::<i8>();
        let stride = size_of_val(tile.ahead).div_ceil(tile.panel.len()).min(size_of::<Line>());
        for (word, columns) in tile.panel.iter().enumerate() {
            _mm_prefetch::<_MM_HINT_T0>(ahead);
            ahead = ahead.wrapping_add(stride);
            let mut panel = [_mm512_setzero_si512(); VECTORS];
            for (vector, panel) in panel.iter_mut().enumerate() {
                *panel = _mm512_loadu_si512(columns.as_ptr().add(vector * WIDTH).cast());
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let x = _mm512_set1_epi32(tile.rows.as_ptr().add(row * tile.stride + word).read().cast_signed());
                for (sum, panel) in sums.iter_mut().zip(panel) {
                    *sum = S::step(*sum, x, panel);
                }
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (vector, sum) in sums.iter().enumerate() {
                _mm512_storeu_si512(tile.sums.as_mut_ptr().add(row).cast::<u32>().add(vector * WIDTH).cast(), *sum);
            }
        }
    }
}
