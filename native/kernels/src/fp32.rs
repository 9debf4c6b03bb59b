//! f32: exact up to the order of additions, which is that of the inputs.

use crate::activation::{Activation, Pointwise, with_pointwise};
use crate::element::Element;
use crate::gemm::Finished;
use crate::isa::Isa;
use crate::linear::{Format, Linear, Sealed, write_row};
use crate::matrix::MatrixMut;
use crate::panels::PackedFormat;
use crate::tile::PANEL_COLUMNS;
use crate::words::{floats_of_words, words_of_floats};

/// The format of [`F32Linear`].
#[derive(Debug, Default)]
pub struct F32;

/// A linear operator with f32 weights.
pub type F32Linear = Linear<F32>;

impl Format for F32 {
    type Written = f32;
    type Attended = Self;
}

impl Sealed for F32 {
    type Scale = ();

    const PACKED: PackedFormat = PackedFormat::F32;

    fn pack(_: Isa, weights: &[f32], bias: f32, words: &mut [u32], tails: &mut [u32]) {
        words.copy_from_slice(words_of_floats(weights));
        tails[0] = bias.to_bits();
    }

    fn convert(_: Isa, values: &[f32], words: &mut [u32]) {
        words[..values.len()].copy_from_slice(words_of_floats(values));
    }

    fn finish<E: Element>(isa: Isa, tile: &Finished<'_>, _: &[()], activation: Activation, y: MatrixMut<'_, E>) {
        add_bias(isa, tile, activation, y);
    }
}

vectorized! {
    /// `activation(sums + bias)`, for f32 sums.
    pub(crate) fn add_bias<E, ROUND>(tile: &Finished<'_>, activation: Activation, y: MatrixMut<'_, E>) = add_bias_body
}

#[inline(always)]
fn add_bias_body<E: Element, const ROUND: bool>(tile: &Finished<'_>, activation: Activation, y: MatrixMut<'_, E>) {
    with_pointwise!(activation, |function| add_bias_then::<E, _, ROUND>(function, tile, y));
}

#[inline(always)]
fn add_bias_then<E: Element, P: Pointwise, const ROUND: bool>(
    function: P,
    tile: &Finished<'_>,
    mut y: MatrixMut<'_, E>,
) {
    let bias = floats_of_words(tile.panel.tail(0));
    for (row, sums) in tile.sums.iter().enumerate() {
        let mut values = [0.0; PANEL_COLUMNS];
        for column in 0..PANEL_COLUMNS {
            values[column] = f32::from_bits(sums.0[column]) + bias[column];
        }
        write_row::<E, ROUND>(function.apply(values), &mut y, row);
    }
}
