//! f32: exact up to the order of additions, which is that of the inputs.

use crate::{
    activation::{Pointwise, with_pointwise},
    element::Element,
    format::{Epilogue, Format, Sealed, write_row},
    isa::Isa,
    layout::{PANEL_COLUMNS, PackedFormat},
    linear::Linear,
    matrix::MatrixMut,
    words::{floats_of_words, words_of_floats},
};

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

    fn convert(_: Isa, values: &[f32], words: &mut [u32]) {
        words[..values.len()].copy_from_slice(words_of_floats(values));
    }

    fn finish<E: Element>(isa: Isa, tile: &Epilogue<'_, ()>, y: MatrixMut<'_, E>) {
        add_bias(isa, tile, y);
    }
}

vectorized! {
    /// `activation(sums + bias)`, for f32 sums.
    pub(crate) fn add_bias<E, ROUND>(tile: &Epilogue<'_, ()>, y: MatrixMut<'_, E>) = add_bias_body
}

#[inline(always)]
fn add_bias_body<E: Element, const ROUND: bool>(tile: &Epilogue<'_, ()>, y: MatrixMut<'_, E>) {
    with_pointwise!(tile.activation, |function| add_bias_then::<E, _, ROUND>(function, tile, y));
}

#[inline(always)]
fn add_bias_then<E: Element, P: Pointwise, const ROUND: bool>(
    function: P,
    tile: &Epilogue<'_, ()>,
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
