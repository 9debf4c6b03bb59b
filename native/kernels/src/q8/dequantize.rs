//! From int32 sums to results.

use super::quantize::RowScale;
use crate::{
    activation::{Pointwise, with_pointwise},
    element::Element,
    format::{Epilogue, write_row},
    layout::PANEL_COLUMNS,
    matrix::MatrixMut,
    words::{floats_of_words, signed_of_words},
};

vectorized! {
    /// Writes `activation(row scale · column scale · (sum - zero · column sum) + bias)`.
    pub(super) fn write<E, ROUND>(tile: &Epilogue<'_, RowScale>, y: MatrixMut<'_, E>) = write_body
}

#[inline(always)]
fn write_body<E: Element, const ROUND: bool>(tile: &Epilogue<'_, RowScale>, y: MatrixMut<'_, E>) {
    with_pointwise!(tile.activation, |function| write_then::<E, _, ROUND>(function, tile, y));
}

#[inline(always)]
fn write_then<E: Element, P: Pointwise, const ROUND: bool>(
    function: P,
    tile: &Epilogue<'_, RowScale>,
    mut y: MatrixMut<'_, E>,
) {
    let sums = signed_of_words(tile.panel.tail(0));
    let scales = floats_of_words(tile.panel.tail(1));
    let bias = floats_of_words(tile.panel.tail(2));
    for (row, (tile_sums, RowScale { scale, zero })) in tile.sums.iter().zip(tile.scales).enumerate() {
        let mut values = [0.0; PANEL_COLUMNS];
        for column in 0..PANEL_COLUMNS {
            let sum = tile_sums.0[column].cast_signed().wrapping_sub(zero.wrapping_mul(sums[column]));
            values[column] = (sum as f32).mul_add(scale * scales[column], bias[column]);
        }
        write_row::<E, ROUND>(function.apply(values), &mut y, row);
    }
}
