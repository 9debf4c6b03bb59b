//! Rows of activations on their way into linear operators, in memory that is kept from batch to batch.

use std::{mem::take, ops::Range};

use crate::{
    element::Element,
    format::Format,
    isa::Isa,
    layout::{PackedFormat, RowWords},
    matrix::{Matrix, MatrixMut},
    parts::split,
    words::{Line, words_of_lines, words_of_lines_mut},
};

/// `[rows, columns]` as operators of the format `F` read them; several on the same input, such as query, key and
/// value, share them. Reusable: filling it again keeps the memory.
///
/// Filled in one of three ways:
/// - [`Self::convert`] takes f32 values.
/// - [`Self::target`] is what another operator writes to, which rounds as it writes. What only whole rows allow,
///   quantization, is left to [`Self::unconverted`].
/// - [`Self::rows_mut`] takes row after row, and keeps the f32 [`Self::values`] too.
#[derive(Debug)]
pub struct Rows<F: Format> {
    columns: usize,
    /// `[rows][stride]`, where rows start on cache lines.
    words: Vec<Line>,
    /// What the conversion of each row gave besides its words.
    scales: Vec<F::Scale>,
    /// `[rows][columns]` in f32, on cache lines too, where they are wanted and are not the words themselves.
    values: Vec<Line>,
}

/// Some rows of [`Rows`], to be written and converted one by one.
#[derive(Debug)]
pub struct RowsMut<'a, F: Format> {
    values: MatrixMut<'a>,
    /// Empty where the values are the words.
    words: &'a mut [u32],
    scales: &'a mut [F::Scale],
}

impl<F: Format> Default for Rows<F> {
    fn default() -> Self {
        Self { columns: 1, words: Vec::new(), scales: Vec::new(), values: Vec::new() }
    }
}

impl<F: Format> Rows<F> {
    const IN_F32: bool = matches!(F::PACKED, PackedFormat::F32);
    const BY_WHOLE_ROWS: bool = matches!(F::PACKED, PackedFormat::Q8);

    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that `[rows, columns]` take, whichever way they are filled.
    pub fn bytes(rows: usize, columns: usize) -> usize {
        let values = if Self::IN_F32 { 0 } else { PackedFormat::F32.stride(columns) };
        rows * ((F::PACKED.stride(columns) + values) * size_of::<u32>() + size_of::<F::Scale>())
    }

    pub fn rows(&self) -> usize {
        self.scales.len()
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Converts `values[rows, columns]`.
    ///
    /// # Panics
    /// If `columns` is zero or does not divide the length.
    pub fn convert(&mut self, values: &[f32], columns: usize) {
        self.convert_with(Isa::best(), values, columns);
    }

    pub(crate) fn convert_with(&mut self, isa: Isa, values: &[f32], columns: usize) {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{} values, {columns} columns", values.len());
        self.resize(values.len() / columns, columns);
        self.values.clear();
        let words = words_of_lines_mut(&mut self.words).chunks_exact_mut(F::PACKED.stride(columns));
        for ((values, words), scale) in values.chunks_exact(columns).zip(words).zip(&mut self.scales) {
            *scale = F::convert(isa, values, words);
        }
    }

    /// Room for `[rows, columns]`, all of which must be written, and then [`Self::unconverted`] be asked for.
    ///
    /// # Panics
    /// If `columns` is zero.
    pub fn target(&mut self, rows: usize, columns: usize) -> MatrixMut<'_, F::Written> {
        self.resize(rows, columns);
        if Self::BY_WHOLE_ROWS {
            resize(&mut self.values, rows, PackedFormat::F32.stride(columns));
            return view_mut(&mut self.values, columns);
        }
        self.values.clear();
        let depth = F::PACKED.depth(columns);
        if depth * size_of::<u32>() > columns * size_of::<F::Written>() {
            // The last word is half full, and its other half is multiplied too.
            words_of_lines_mut(&mut self.words)
                .chunks_exact_mut(F::PACKED.stride(columns))
                .for_each(|row| row[depth - 1] = 0);
        }
        view_mut(&mut self.words, columns)
    }

    /// What is left to do after [`Self::target`] was written: [`RowsMut::convert_all`] of each of up to `parts`
    /// parts, by different threads if there are.
    pub fn unconverted(&mut self, parts: usize) -> Vec<(Range<usize>, RowsMut<'_, F>)> {
        if Self::BY_WHOLE_ROWS { self.as_rows_mut().split(parts) } else { Vec::new() }
    }

    /// Room for `[rows, columns]`; every row must be written and converted.
    ///
    /// # Panics
    /// If `columns` is zero.
    pub fn rows_mut(&mut self, rows: usize, columns: usize) -> RowsMut<'_, F> {
        self.resize(rows, columns);
        if !Self::IN_F32 {
            resize(&mut self.values, rows, PackedFormat::F32.stride(columns));
        }
        self.as_rows_mut()
    }

    /// What was written, if nothing is to be converted by whole rows.
    pub fn matrix(&self) -> Matrix<'_, F::Written> {
        view(if Self::BY_WHOLE_ROWS { &self.values } else { &self.words }, self.columns)
    }

    /// The f32 values that were written row by row.
    pub fn values(&self) -> Matrix<'_> {
        view(if Self::IN_F32 { &self.words } else { &self.values }, self.columns)
    }

    pub(crate) fn words(&self) -> RowWords<'_> {
        let stride = F::PACKED.stride(self.columns);
        RowWords { words: words_of_lines(&self.words), stride, rows: self.rows() }
    }

    pub(crate) fn scales(&self) -> &[F::Scale] {
        &self.scales
    }

    fn resize(&mut self, rows: usize, columns: usize) {
        assert!(columns > 0, "no columns");
        self.columns = columns;
        self.scales.resize(rows, F::Scale::default());
        resize(&mut self.words, rows, F::PACKED.stride(columns));
    }

    fn as_rows_mut(&mut self) -> RowsMut<'_, F> {
        let (values, words) = if Self::IN_F32 {
            (&mut self.words, &mut [][..])
        } else {
            (&mut self.values, words_of_lines_mut(&mut self.words))
        };
        RowsMut { values: view_mut(values, self.columns), words, scales: &mut self.scales }
    }
}

impl<F: Format> RowsMut<'_, F> {
    pub fn rows(&self) -> usize {
        self.values.rows()
    }

    pub fn columns(&self) -> usize {
        self.values.columns()
    }

    /// The values of a row, to be written.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        self.values.row_mut(row)
    }

    /// Makes of a row's values what operators read.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn convert(&mut self, row: usize) {
        let stride = F::PACKED.stride(self.columns());
        if let Some(words) = self.words.chunks_exact_mut(stride).nth(row) {
            self.scales[row] = F::convert(Isa::best(), self.values.row_mut(row), words);
        }
    }

    pub fn convert_all(&mut self) {
        (0..self.rows()).for_each(|row| self.convert(row));
    }

    /// Up to `parts` parts of nearly equal size, and which rows they are.
    pub fn split(self, parts: usize) -> Vec<(Range<usize>, Self)> {
        let (count, columns) = (self.rows(), self.columns());
        let Self { values, mut words, mut scales } = self;
        let part = |(range, values): (Range<usize>, _)| {
            let size = if words.is_empty() { 0 } else { range.len() * F::PACKED.stride(columns) };
            let (mine, rest) = take(&mut words).split_at_mut(size);
            let (my_scales, other_scales) = take(&mut scales).split_at_mut(range.len());
            (words, scales) = (rest, other_scales);
            (range, Self { values, words: mine, scales: my_scales })
        };
        values.split_rows(split(0..count, parts.clamp(1, count.max(1)))).into_iter().map(part).collect()
    }
}

fn resize(lines: &mut Vec<Line>, rows: usize, stride: usize) {
    lines.resize(rows * stride / Line::WORDS, Line::ZERO);
}

/// Elements from row to row.
fn element_stride<E: Element>(columns: usize) -> usize {
    E::FORMAT.stride(columns) * size_of::<u32>() / size_of::<E>()
}

fn view<E: Element>(lines: &[Line], columns: usize) -> Matrix<'_, E> {
    Matrix::with_stride(E::of_words(words_of_lines(lines)), columns, element_stride::<E>(columns))
}

fn view_mut<E: Element>(lines: &mut [Line], columns: usize) -> MatrixMut<'_, E> {
    MatrixMut::with_stride(E::of_words_mut(words_of_lines_mut(lines)), columns, element_stride::<E>(columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bf16, F32, Q8};

    fn taken<F: Format>(rows: usize, columns: usize) -> usize {
        let mut filled = Rows::<F>::new();
        filled.rows_mut(rows, columns);
        size_of_val(&filled.words[..]) + size_of_val(&filled.values[..]) + size_of_val(&filled.scales[..])
    }

    #[test]
    fn the_stated_bytes_are_those_that_rows_take() {
        for (rows, columns) in [(1, 1), (7, 50), (512, 768)] {
            let stated = [Rows::<F32>::bytes, Rows::<Bf16>::bytes, Rows::<Q8>::bytes].map(|of| of(rows, columns));
            let found = [taken::<F32>, taken::<Bf16>, taken::<Q8>].map(|of| of(rows, columns));
            assert_eq!(stated, found, "{rows} rows of {columns}");
        }
    }
}
