//! What attention does between its two products, and after them.

use super::{KEYS, VALUES};
use crate::{
    element::Element,
    exp::exp,
    lanes::{fold, maximum, sum},
    layout::Sums,
    matrix::MatrixMut,
    tile::TILE_ROWS,
    words::floats_of_words,
};

vectorized! {
    /// Writes `exp((score - max) · scale)` of each of `rows` rows of scores to rows of weights, `stride` apart, and
    /// returns the reciprocals of their sums. The scores of `count` keys are panels of `[TILE_ROWS][KEYS]`. In bf16,
    /// the sums are those of the rounded numbers.
    pub(super) fn exponentials<P, ROUND>(
        scores: &mut [Sums<KEYS>],
        rows: usize,
        count: usize,
        scale: f32,
        weights: &mut [P],
        stride: usize,
    ) -> [f32; TILE_ROWS] = exponentials_body
}

vectorized! {
    /// Writes the first columns of `sums · factors[row]`.
    pub(super) fn write<E, ROUND>(sums: &[Sums<VALUES>], factors: &[f32], y: MatrixMut<'_, E>) = write_body
}

/// Keys that are looked at together: one 512-bit register.
const LANES: usize = 16;

/// One step for all rows after the other, by way of memory: a row's own steps wait for one another.
#[inline(always)]
fn exponentials_body<P: Element, const ROUND: bool>(
    scores: &mut [Sums<KEYS>],
    rows: usize,
    count: usize,
    scale: f32,
    weights: &mut [P],
    stride: usize,
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
    for (row, (lanes, weights)) in lanes.iter_mut().zip(weights.chunks_exact_mut(stride)).enumerate().take(rows) {
        let offset = maxima[row] * scale;
        let mut sums = [0.0; LANES];
        for chunk in 0..count.div_ceil(LANES) {
            let scores = chunk_of(scores, row, chunk);
            let mut exponentials = [0.0; LANES];
            for lane in 0..LANES {
                exponentials[lane] = exp(f32::from_bits(scores[lane]).mul_add(scale, -offset));
            }
            // SAFETY: `ROUND` is only set with the instructions for it.
            let rounded = unsafe { P::of_all::<ROUND, LANES>(exponentials) };
            for lane in 0..LANES {
                sums[lane] += rounded[lane].to_f32();
            }
            weights.as_chunks_mut().0[chunk] = rounded;
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
fn write_body<E: Element, const ROUND: bool>(sums: &[Sums<VALUES>], factors: &[f32], mut y: MatrixMut<'_, E>) {
    for (row, (sums, factor)) in sums.iter().zip(factors).enumerate() {
        let mut values = [0.0; VALUES];
        for (value, sum) in values.iter_mut().zip(sums.0) {
            *value = f32::from_bits(sum) * factor;
        }
        // SAFETY: `ROUND` is only set with the instructions for it.
        let values = unsafe { E::of_all::<ROUND, VALUES>(values) };
        let target = y.row_mut(row);
        match target.first_chunk_mut() {
            Some(target) => *target = values,
            None => target.copy_from_slice(&values[..target.len()]),
        }
    }
}
