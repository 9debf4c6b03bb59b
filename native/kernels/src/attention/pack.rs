//! One head's keys and values in the layout of the kernels.

use std::ops::Range;

use super::{KEYS, VALUES};
use crate::isa::Isa;
use crate::matrix::Matrix;
use crate::words::{Line, words_of_floats, words_of_lines_mut};

/// Keys are padded with zeros to a multiple of it: the words of a cache line, and the narrowest kernel.
const LANES: usize = Line::WORDS;

/// Transposes `keys[rows, columns]` into panels `[columns][KEYS]`, the last of which may be 16 or 32 wide.
pub(super) fn keys(isa: Isa, keys: Matrix<'_>, rows: Range<usize>, columns: Range<usize>, lines: &mut Vec<Line>) {
    lines.resize(rows.len().next_multiple_of(LANES) * columns.len() / Line::WORDS, Line::ZERO);
    let panels = words_of_lines_mut(lines).chunks_mut(columns.len() * KEYS);
    for (panel, first) in panels.zip(rows.clone().step_by(KEYS)) {
        let words = words_of_floats(keys.values_from(first, columns.start));
        transpose(isa, words, keys.stride(), KEYS.min(rows.end - first), columns.len(), panel);
    }
}

/// Copies `values[rows, columns]` into panels `[rows][VALUES]`, the last of which is filled up with zeros.
pub(super) fn values(values: Matrix<'_>, rows: Range<usize>, columns: Range<usize>, lines: &mut Vec<Line>) {
    let size = rows.len() * VALUES;
    lines.resize(columns.len().div_ceil(VALUES) * size / Line::WORDS, Line::ZERO);
    let panels = words_of_lines_mut(lines).chunks_exact_mut(size);
    for (panel, start) in panels.zip(columns.clone().step_by(VALUES)) {
        let width = VALUES.min(columns.end - start);
        for (target, row) in panel.as_chunks_mut::<VALUES>().0.iter_mut().zip(rows.clone()) {
            let words = words_of_floats(values.values_from(row, start));
            // Of a size known to the compiler where possible: a call of `memcpy` costs more than the copy.
            if let (VALUES, Some(words)) = (width, words.first_chunk()) {
                *target = *words;
            } else {
                target[..width].copy_from_slice(&words[..width]);
                target[width..].fill(0);
            }
        }
    }
}

vectorized! {
    /// Writes `count` rows of `depth` words as the columns of `panel[depth][panel.len() / depth]`; zeros in
    /// the columns after them.
    fn transpose(
        rows: &[u32],
        stride: usize,
        count: usize,
        depth: usize,
        panel: &mut [u32],
    ) = transpose_body
}

#[inline(always)]
fn transpose_body(rows: &[u32], stride: usize, count: usize, depth: usize, panel: &mut [u32]) {
    let columns = panel.len() / depth;
    for first in (0..columns).step_by(LANES) {
        let count = count.saturating_sub(first).min(LANES);
        for start in (0..depth).step_by(LANES) {
            // Blocks of cache lines by cache lines, in and out.
            let mut block = [[0; LANES]; LANES];
            for (lane, block) in block.iter_mut().enumerate().take(count) {
                let row = &rows[(first + lane) * stride + start..];
                match row.first_chunk() {
                    Some(row) if depth - start >= LANES => *block = *row,
                    _ => block[..depth - start].copy_from_slice(&row[..depth - start]),
                }
            }
            let targets = panel[start * columns..].chunks_exact_mut(columns);
            for (word, target) in targets.enumerate().take(LANES) {
                let target: &mut [u32; LANES] = target[first..].first_chunk_mut().expect("panels are whole lines");
                for lane in 0..LANES {
                    target[lane] = block[lane][word];
                }
            }
        }
    }
}
