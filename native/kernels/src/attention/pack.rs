//! One head's queries, keys and values in the layout of the kernels.

use std::ops::Range;

use super::{KEYS, VALUES};
use crate::bf16;
use crate::gemm::RowWords;
use crate::isa::Isa;
use crate::matrix::Matrix;
use crate::panels::PackedFormat;
use crate::words::{Line, words_of_floats, words_of_lines, words_of_lines_mut};

/// Keys are padded with zeros to a multiple of it: the words of a cache line, and the narrowest kernel.
const LANES: usize = Line::WORDS;

/// Some columns of some rows as words of `format`: as they are for f32, rounded into `lines` for bf16.
pub(super) fn rows<'a>(
    isa: Isa,
    format: PackedFormat,
    matrix: Matrix<'a>,
    rows: Range<usize>,
    columns: Range<usize>,
    lines: &'a mut Vec<Line>,
) -> RowWords<'a> {
    if rows.is_empty() || format != PackedFormat::Bf16 {
        let words = if rows.is_empty() { &[] } else { words_of_floats(matrix.values_from(rows.start, columns.start)) };
        return RowWords { words, stride: matrix.stride(), rows: rows.len() };
    }
    let stride = format.depth(columns.len()).next_multiple_of(Line::WORDS);
    lines.resize(rows.len() * stride / Line::WORDS, Line::ZERO);
    let values = matrix.values_from(rows.start, columns.start);
    round(isa, values, matrix.stride(), columns.len(), words_of_lines_mut(lines), stride);
    RowWords { words: words_of_lines(lines), stride, rows: rows.len() }
}

/// Transposes `keys[rows, depth]` into panels `[depth][KEYS]`, the last of which may be 16 or 32 wide.
pub(super) fn keys(isa: Isa, keys: RowWords<'_>, depth: usize, lines: &mut Vec<Line>) {
    lines.resize(keys.rows.next_multiple_of(LANES) * depth / Line::WORDS, Line::ZERO);
    let panels = words_of_lines_mut(lines).chunks_mut(depth * KEYS);
    for (panel, first) in panels.zip((0..keys.rows).step_by(KEYS)) {
        transpose(isa, &keys.words[first * keys.stride..], keys.stride, KEYS.min(keys.rows - first), depth, panel);
    }
}

/// Copies `values[rows, columns]` into panels `[rows][VALUES]`, the last of which is filled up with zeros. In
/// bf16, a word is two rows' values, the first in the low half; a zero follows the last row of an odd number.
pub(super) fn values(
    isa: Isa,
    format: PackedFormat,
    values: Matrix<'_>,
    rows: Range<usize>,
    columns: Range<usize>,
    lines: &mut Vec<Line>,
) {
    let size = format.depth(rows.len()) * VALUES;
    lines.resize(columns.len().div_ceil(VALUES) * size / Line::WORDS, Line::ZERO);
    let panels = words_of_lines_mut(lines).chunks_exact_mut(size);
    for (panel, start) in panels.zip(columns.clone().step_by(VALUES)) {
        let width = VALUES.min(columns.end - start);
        let (first, targets) = (values.values_from(rows.start, start), panel.as_chunks_mut().0);
        match format {
            PackedFormat::Bf16 => interleave(isa, first, values.stride(), rows.len(), width, targets),
            _ => copy(isa, words_of_floats(first), values.stride(), width, targets),
        }
    }
}

vectorized! {
    /// Rounds rows of `width` values to rows of words, as many as there is room for.
    fn round(values: &[f32], stride: usize, width: usize, words: &mut [u32], words_stride: usize) = round_body
}

#[inline(always)]
fn round_body(values: &[f32], stride: usize, width: usize, words: &mut [u32], words_stride: usize) {
    for (row, words) in words.chunks_exact_mut(words_stride).enumerate() {
        bf16::round_row(&values[row * stride..][..width], words);
    }
}

vectorized! {
    /// Copies `width` words of every row, and fills up with zeros.
    fn copy(rows: &[u32], stride: usize, width: usize, targets: &mut [[u32; VALUES]]) = copy_body
}

#[inline(always)]
fn copy_body(rows: &[u32], stride: usize, width: usize, targets: &mut [[u32; VALUES]]) {
    for (row, target) in targets.iter_mut().enumerate() {
        *target = filled_up(&rows[row * stride..], width);
    }
}

vectorized! {
    /// Words of one bf16 of either row of a pair, with zeros after the rows' ends and after the last row.
    fn interleave(
        values: &[f32],
        stride: usize,
        count: usize,
        width: usize,
        targets: &mut [[u32; VALUES]],
    ) = interleave_body
}

#[inline(always)]
fn interleave_body(values: &[f32], stride: usize, count: usize, width: usize, targets: &mut [[u32; VALUES]]) {
    for (pair, target) in targets.iter_mut().enumerate() {
        let low = filled_up(&values[2 * pair * stride..], width);
        let high =
            if 2 * pair + 1 < count { filled_up(&values[(2 * pair + 1) * stride..], width) } else { [0.0; VALUES] };
        for column in 0..VALUES {
            target[column] = u32::from(bf16::bits(low[column])) | u32::from(bf16::bits(high[column])) << 16;
        }
    }
}

/// The first `width` values, then zeros. Of a size known to the compiler where possible: a call of `memcpy` costs
/// more than the copy.
#[inline(always)]
fn filled_up<T: Copy + Default>(row: &[T], width: usize) -> [T; VALUES] {
    match row.first_chunk() {
        Some(row) if width == VALUES => *row,
        _ => {
            let mut filled = [T::default(); VALUES];
            filled[..width].copy_from_slice(&row[..width]);
            filled
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
