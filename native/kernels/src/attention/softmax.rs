//! What attention does between its two products, and after them.

use half::bf16;

use super::{KEYS, VALUES};
use crate::element::{Element, Sealed};
use crate::exp::exp;
use crate::lanes::{fold, maximum, sum};
use crate::matrix::MatrixMut;
use crate::panels::PackedFormat;
use crate::tile::{Sums, TILE_ROWS};
use crate::words::{floats_of_words, halves_of_words_mut};

/// Where weights are written: rows of words of `format`, `stride` words apart.
pub(super) struct Weights<'a> {
    pub words: &'a mut [u32],
    pub stride: usize,
    pub format: PackedFormat,
}

vectorized! {
    /// Writes `exp((score - max) · scale)` of each of `rows` rows of scores, and returns the reciprocals of their
    /// sums. The scores of `count` keys are panels of `[TILE_ROWS][KEYS]`. In bf16, the sums are those of the
    /// rounded numbers.
    pub(super) fn exponentials(
        scores: &mut [Sums<KEYS>],
        rows: usize,
        count: usize,
        scale: f32,
        weights: Weights<'_>,
    ) -> [f32; TILE_ROWS] = exponentials_body
}

vectorized! {
    /// Writes the first columns of `sums · factors[row]`.
    pub(super) fn write<E>(sums: &[Sums<VALUES>], factors: &[f32], y: MatrixMut<'_, E>) = write_body
}

/// Keys that are looked at together: one 512-bit register.
const LANES: usize = 16;

/// One step for all rows after the other, by way of memory: a row's own steps wait for one another.
#[inline(always)]
fn exponentials_body(
    scores: &mut [Sums<KEYS>],
    rows: usize,
    count: usize,
    scale: f32,
    weights: Weights<'_>,
) -> [f32; TILE_ROWS] {
    // What is beyond the last key must weigh nothing.
    for last in scores[count / KEYS * TILE_ROWS..].iter_mut().take(rows) {
        last.0[count % KEYS..].fill(f32::NEG_INFINITY.to_bits());
    }
    let mut lanes = [[f32::NEG_INFINITY; LANES]; TILE_ROWS];
    for (row, lanes) in lanes.iter_mut().enumerate().take(rows) {
        let mut maxima = [f32::NEG_INFINITY; LANES];
        for chunk in 0..count.div_ceil(LANES) {
            let scores = floats_of_words(chunk_of(scores, row, chunk));
            for lane in 0..LANES {
                maxima[lane] = maximum(scores[lane], maxima[lane]);
            }
        }
        *lanes = maxima;
    }
    let maxima = fold_rows(&lanes, maximum);
    let Weights { words, stride, format } = weights;
    for (row, (lanes, words)) in lanes.iter_mut().zip(words.chunks_exact_mut(stride)).enumerate().take(rows) {
        let offset = maxima[row] * scale;
        let mut sums = [0.0; LANES];
        for chunk in 0..count.div_ceil(LANES) {
            let scores = chunk_of(scores, row, chunk);
            let mut exponentials = [0.0; LANES];
            for lane in 0..LANES {
                exponentials[lane] = exp(f32::from_bits(scores[lane]).mul_add(scale, -offset));
            }
            if format == PackedFormat::Bf16 {
                let mut halves = [bf16::ZERO; LANES];
                for lane in 0..LANES {
                    halves[lane] = bf16::of(exponentials[lane]);
                    sums[lane] += Sealed::to_f32(halves[lane]);
                }
                halves_of_words_mut(words).as_chunks_mut().0[chunk] = halves;
            } else {
                for lane in 0..LANES {
                    sums[lane] += exponentials[lane];
                }
                words.as_chunks_mut().0[chunk] = exponentials.map(f32::to_bits);
            }
        }
        *lanes = sums;
    }
    fold_rows(&lanes, sum).map(f32::recip)
}

/// [`fold`] of every row.
#[inline(always)]
fn fold_rows(rows: &[[f32; LANES]; TILE_ROWS], pick: impl Fn(f32, f32) -> f32) -> [f32; TILE_ROWS] {
    let mut results = [0.0; TILE_ROWS];
    for (result, row) in results.iter_mut().zip(rows) {
        *result = fold(*row, &pick);
    }
    results
}

/// A row's scores of the keys from `LANES · chunk` on.
#[inline(always)]
fn chunk_of(scores: &[Sums<KEYS>], row: usize, chunk: usize) -> &[u32; LANES] {
    const CHUNKS: usize = KEYS / LANES;
    &scores[chunk / CHUNKS * TILE_ROWS + row].0.as_chunks().0[chunk % CHUNKS]
}

#[inline(always)]
fn write_body<E: Element>(sums: &[Sums<VALUES>], factors: &[f32], mut y: MatrixMut<'_, E>) {
    for (row, (sums, factor)) in sums.iter().zip(factors).enumerate() {
        for (value, sum) in y.row_mut(row).iter_mut().zip(&sums.0) {
            *value = E::of(f32::from_bits(*sum) * factor);
        }
    }
}
