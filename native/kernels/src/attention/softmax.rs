//! What attention does between its two products, and after them.

use super::{KEYS, VALUES};
use crate::exp::exp;
use crate::lanes::{fold, maximum, sum};
use crate::matrix::MatrixMut;
use crate::tile::{Sums, TILE_ROWS};
use crate::words::floats_of_words;

vectorized! {
    /// Replaces the scores of `count` keys in each of `rows` rows by `exp((score - max) · scale)`, and returns
    /// the reciprocals of their sums. The scores are panels of `[TILE_ROWS][KEYS]`.
    pub(super) fn exponentials(
        scores: &mut [Sums<KEYS>],
        rows: usize,
        count: usize,
        scale: f32,
    ) -> [f32; TILE_ROWS] = exponentials_body
}

vectorized! {
    /// Writes the first columns of `sums · factors[row]`.
    pub(super) fn write(sums: &[Sums<VALUES>], factors: &[f32], y: MatrixMut<'_>) = write_body
}

/// Keys that are looked at together: one 512-bit register.
const LANES: usize = 16;

#[inline(always)]
fn exponentials_body(scores: &mut [Sums<KEYS>], rows: usize, count: usize, scale: f32) -> [f32; TILE_ROWS] {
    let mut factors = [0.0; TILE_ROWS];
    for (row, factor) in factors.iter_mut().enumerate().take(rows) {
        // What is beyond the last key must weigh nothing.
        if let Some(last) = scores[count / KEYS * TILE_ROWS..].get_mut(row) {
            last.0[count % KEYS..].fill(f32::NEG_INFINITY.to_bits());
        }
        let mut maxima = [f32::NEG_INFINITY; LANES];
        for chunk in (0..count).step_by(LANES) {
            let scores = floats_of_words(chunk_of(scores, row, chunk));
            for lane in 0..LANES {
                let (score, maximum) = (scores[lane], maxima[lane]);
                maxima[lane] = if score > maximum { score } else { maximum };
            }
        }
        let offset = fold(maxima, maximum) * scale;
        let mut sums = [0.0; LANES];
        for chunk in (0..count).step_by(LANES) {
            let scores = chunk_of(scores, row, chunk);
            let mut weights = [0.0; LANES];
            for lane in 0..LANES {
                weights[lane] = exp(f32::from_bits(scores[lane]).mul_add(scale, -offset));
                sums[lane] += weights[lane];
            }
            for lane in 0..LANES {
                scores[lane] = weights[lane].to_bits();
            }
        }
        *factor = fold(sums, sum).recip();
    }
    factors
}

/// A row's scores of the keys `first..first + LANES`.
#[inline(always)]
fn chunk_of(scores: &mut [Sums<KEYS>], row: usize, first: usize) -> &mut [u32; LANES] {
    let panel = &mut scores[first / KEYS * TILE_ROWS + row];
    &mut panel.0.as_chunks_mut().0[first % KEYS / LANES]
}

#[inline(always)]
fn write_body(sums: &[Sums<VALUES>], factors: &[f32], mut y: MatrixMut<'_>) {
    for (row, (sums, factor)) in sums.iter().zip(factors).enumerate() {
        for (value, sum) in y.row_mut(row).iter_mut().zip(&sums.0) {
            *value = f32::from_bits(*sum) * factor;
        }
    }
}
