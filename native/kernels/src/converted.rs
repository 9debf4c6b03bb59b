//! Rows of activations in the words of a number format.

use crate::gemm::RowWords;
use crate::panels::PackedFormat;
use crate::words::{Line, words_of_lines, words_of_lines_mut};

/// Converted rows on cache lines, each with what its conversion gave besides the words: `R`, such as a scale.
/// Reusable: converting again keeps the memory.
#[derive(Debug, Default)]
pub(crate) struct ConvertedRows<R> {
    lines: Vec<Line>,
    stride: usize,
    inputs: usize,
    /// One for each row.
    pub results: Vec<R>,
}

impl<R> ConvertedRows<R> {
    /// Converts `values[rows, inputs]` with `convert(row, words)`, which fills all words of a row.
    ///
    /// # Panics
    /// If `inputs` is zero or does not divide the length.
    pub fn convert(
        &mut self,
        format: PackedFormat,
        values: &[f32],
        inputs: usize,
        mut convert: impl FnMut(&[f32], &mut [u32]) -> R,
    ) {
        assert!(inputs > 0 && values.len().is_multiple_of(inputs), "{} values, {inputs} inputs", values.len());
        self.inputs = inputs;
        self.stride = format.depth(inputs).next_multiple_of(Line::WORDS);
        self.lines.resize(values.len() / inputs * self.stride / Line::WORDS, Line::ZERO);
        self.results.clear();
        let words = words_of_lines_mut(&mut self.lines).chunks_exact_mut(self.stride);
        self.results.extend(values.chunks_exact(inputs).zip(words).map(|(row, words)| convert(row, words)));
    }

    /// The rows, and the number of values in each.
    pub fn words(&self) -> (RowWords<'_>, usize) {
        let words = words_of_lines(&self.lines);
        (RowWords { words, stride: self.stride, rows: self.results.len() }, self.inputs)
    }
}
