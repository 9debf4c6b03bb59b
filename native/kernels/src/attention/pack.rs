//! One head's queries, keys and values in the layout of the kernels.

use std::ops::Range;

use super::{
    KEYS, VALUES,
    transpose::{LANES, transpose},
};
use crate::{
    element::Element,
    isa::Isa,
    layout::{PackedFormat, RowWords},
    matrix::Matrix,
    words::{Line, halves_of_words_mut, words_of_lines, words_of_lines_mut},
};

/// Some columns of some rows as words of `format`: in place if they are such words, otherwise copied to `lines`.
pub(super) fn rows<'a, E: Element>(
    isa: Isa,
    format: PackedFormat,
    matrix: Matrix<'a, E>,
    rows: Range<usize>,
    columns: Range<usize>,
    lines: &'a mut Vec<Line>,
) -> RowWords<'a> {
    let (count, width, per_word) = (rows.len(), columns.len(), size_of::<u32>() / size_of::<E>());
    let values = if rows.is_empty() { &[] } else { matrix.values_from(rows.start, columns.start) };
    let whole_words = width.is_multiple_of(per_word) && matrix.stride().is_multiple_of(per_word);
    if let Some(words) = E::as_words(values).filter(|_| E::FORMAT == format && whole_words) {
        return RowWords { words, stride: matrix.stride() / per_word, rows: count };
    }
    let stride = format.stride(width);
    lines.resize(count * stride / Line::WORDS, Line::ZERO);
    convert(isa, format, values, matrix.stride(), width, words_of_lines_mut(lines), stride);
    RowWords { words: words_of_lines(lines), stride, rows: count }
}

/// Transposes `keys[rows, depth]` into panels `[depth][KEYS]`, the last of which may be 16 or 32 wide, as kernels are.
pub(super) fn keys(isa: Isa, keys: RowWords<'_>, depth: usize, lines: &mut Vec<Line>) {
    lines.resize(keys.rows.next_multiple_of(LANES) * depth / Line::WORDS, Line::ZERO);
    let panels = words_of_lines_mut(lines).chunks_mut(depth * KEYS);
    for (panel, first) in panels.zip((0..keys.rows).step_by(KEYS)) {
        transpose(isa, &keys.words[first * keys.stride..], keys.stride, KEYS.min(keys.rows - first), depth, panel);
    }
}

/// Copies `values[rows, columns]` into panels `[rows][VALUES]`, the last of which is filled up with zeros. In
/// bf16, a word is two rows' values, the first in the low half; a zero follows the last row of an odd number.
pub(super) fn values<E: Element>(
    isa: Isa,
    format: PackedFormat,
    values: Matrix<'_, E>,
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
            _ => copy(isa, first, values.stride(), width, targets),
        }
    }
}

vectorized! {
    /// Converts rows of `width` values to rows of words, as many as there is room for; zeros after their ends.
    fn convert<E>(
        format: PackedFormat,
        values: &[E],
        stride: usize,
        width: usize,
        words: &mut [u32],
        words_stride: usize,
    ) = convert_body
}

#[inline(always)]
fn convert_body<E: Element>(
    format: PackedFormat,
    values: &[E],
    stride: usize,
    width: usize,
    words: &mut [u32],
    words_stride: usize,
) {
    for (row, words) in words.chunks_exact_mut(words_stride).enumerate() {
        words.fill(0);
        let values = &values[row * stride..][..width];
        if format == PackedFormat::Bf16 {
            for (half, value) in halves_of_words_mut(words).iter_mut().zip(values) {
                *half = value.to_bf16();
            }
        } else {
            for (word, value) in words.iter_mut().zip(values) {
                *word = value.to_f32().to_bits();
            }
        }
    }
}

vectorized! {
    /// Copies `width` values of every row as f32, and fills up with zeros.
    fn copy<E>(values: &[E], stride: usize, width: usize, targets: &mut [[u32; VALUES]]) = copy_body
}

#[inline(always)]
fn copy_body<E: Element>(values: &[E], stride: usize, width: usize, targets: &mut [[u32; VALUES]]) {
    for (row, target) in targets.iter_mut().enumerate() {
        let values = filled_up(&values[row * stride..], width);
        for column in 0..VALUES {
            target[column] = values[column].to_f32().to_bits();
        }
    }
}

vectorized! {
    /// Words of one bf16 of either row of a pair, with zeros after the rows' ends and after the last row.
    fn interleave<E>(
        values: &[E],
        stride: usize,
        count: usize,
        width: usize,
        targets: &mut [[u32; VALUES]],
    ) = interleave_body
}

#[inline(always)]
fn interleave_body<E: Element>(values: &[E], stride: usize, count: usize, width: usize, targets: &mut [[u32; VALUES]]) {
    for (pair, target) in targets.iter_mut().enumerate() {
        let low = filled_up(&values[2 * pair * stride..], width);
        let high = if 2 * pair + 1 < count {
            filled_up(&values[(2 * pair + 1) * stride..], width)
        } else {
            [E::default(); VALUES]
        };
        for column in 0..VALUES {
            let [low, high] = [low[column], high[column]].map(|value| u32::from(value.to_bf16().to_bits()));
            target[column] = low | high << 16;
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
