//! f32: exact up to the order of additions, which is that of the inputs.

use crate::activation::Activation;
use crate::gemm::{Finished, RowWords};
use crate::isa::Isa;
use crate::linear::{Format, Linear, Sealed, write_row};
use crate::matrix::MatrixMut;
use crate::panels::PackedFormat;
use crate::tile::PANEL_COLUMNS;
use crate::words::{floats_of_words, words_of_floats};

/// The format of [`F32Linear`].
#[derive(Debug)]
pub struct F32;

/// A linear operator with f32 weights.
pub type F32Linear = Linear<F32>;

/// Rows of f32 values as they are.
#[derive(Clone, Copy, Debug)]
pub struct F32Rows<'a> {
    values: &'a [f32],
    inputs: usize,
}

impl<'a> F32Rows<'a> {
    /// `values[rows, inputs]`
    ///
    /// # Panics
    /// If `inputs` is zero or does not divide the length.
    pub fn new(values: &'a [f32], inputs: usize) -> Self {
        assert!(inputs > 0 && values.len().is_multiple_of(inputs), "{} values, {inputs} inputs", values.len());
        Self { values, inputs }
    }
}

impl Format for F32 {
    type Buffer = ();

    fn with_rows<R>(
        (): &mut Self::Buffer,
        values: &[f32],
        inputs: usize,
        work: impl FnOnce(&Self::Rows<'_>) -> R,
    ) -> R {
        work(&F32Rows::new(values, inputs))
    }
}

impl Sealed for F32 {
    type Rows<'a> = F32Rows<'a>;

    const PACKED: PackedFormat = PackedFormat::F32;

    fn rows<'a>(rows: &'a F32Rows<'_>) -> (RowWords<'a>, usize) {
        let words = words_of_floats(rows.values);
        (RowWords { words, stride: rows.inputs, rows: rows.values.len() / rows.inputs }, rows.inputs)
    }

    fn pack(_: Isa, weights: &[f32], bias: f32, words: &mut [u32], tails: &mut [u32]) {
        words.copy_from_slice(words_of_floats(weights));
        tails[0] = bias.to_bits();
    }

    fn finish(isa: Isa, tile: &Finished<'_>, _: &F32Rows<'_>, activation: Activation, y: MatrixMut<'_>) {
        add_bias(isa, tile, activation, y);
    }
}

vectorized! {
    /// `activation(sums + bias)`, for f32 sums.
    pub(crate) fn add_bias(tile: &Finished<'_>, activation: Activation, y: MatrixMut<'_>) = add_bias_body
}

#[inline(always)]
fn add_bias_body(tile: &Finished<'_>, activation: Activation, mut y: MatrixMut<'_>) {
    let bias = floats_of_words(tile.panel.tail(0));
    for (row, sums) in tile.sums.iter().enumerate() {
        let mut values = [0.0; PANEL_COLUMNS];
        for column in 0..PANEL_COLUMNS {
            values[column] = f32::from_bits(sums.0[column]) + bias[column];
        }
        write_row(values, activation, &mut y, row);
    }
}
