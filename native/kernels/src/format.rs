//! What a number format does for the linear operators: its half of packing, and what becomes of sums.

use crate::{
    activation::Activation,
    element::Element,
    isa::Isa,
    layout::{PANEL_COLUMNS, PackedFormat, Panel, Sums},
    matrix::MatrixMut,
};

mod sealed {
    use std::fmt::Debug;

    use super::{Element, Epilogue, Isa, MatrixMut, PackedFormat};

    pub trait Sealed: Debug + Default + 'static {
        /// What the conversion of a row gives besides its words.
        type Scale: Copy + Default + Send + Sync + Debug;

        #[doc(hidden)]
        const PACKED: PackedFormat;

        /// Turns one channel of weights into words, and writes its tail values, the bias among them. Here for the
        /// formats whose weights are converted as activations are, and whose only tail is the bias.
        #[doc(hidden)]
        fn pack(isa: Isa, weights: &[f32], bias: f32, words: &mut [u32], tails: &mut [u32]) {
            Self::convert(isa, weights, words);
            tails[0] = bias.to_bits();
        }

        /// Turns a row of activations into words; writes all that are multiplied.
        #[doc(hidden)]
        fn convert(isa: Isa, values: &[f32], words: &mut [u32]) -> Self::Scale;

        /// Turns a tile's sums into results and writes them to `y`, which has the size of the tile.
        #[doc(hidden)]
        fn finish<E: Element>(isa: Isa, tile: &Epilogue<'_, Self::Scale>, y: MatrixMut<'_, E>);
    }
}

pub(crate) use sealed::Sealed;

/// A number format in which linear operators compute: [`Q8`](crate::Q8), [`Bf16`](crate::Bf16) or
/// [`F32`](crate::F32).
pub trait Format: Sealed {
    /// What is written for an operator of this format to read.
    type Written: Element;

    /// The format of attention's inputs between operators of this format.
    type Attended: Format<Attended = Self::Attended>;
}

/// A tile's sums and all that its results are made with.
pub struct Epilogue<'a, S> {
    pub sums: &'a [Sums],
    pub panel: Panel<'a>,
    /// Of the tile's rows.
    pub scales: &'a [S],
    pub activation: Activation,
}

/// Writes `values` to a row of a matrix as wide as a panel.
///
/// Whole arrays only: they stay in registers. A copy of a part of `values` would force them to memory.
#[inline(always)]
pub(crate) fn write_row<E: Element, const ROUND: bool>(
    values: [f32; PANEL_COLUMNS],
    y: &mut MatrixMut<'_, E>,
    row: usize,
) {
    let target = y.row_mut(row).first_chunk_mut().expect("a tile is written to whole panels");
    // SAFETY: `ROUND` is only set with the instructions for it.
    *target = unsafe { E::of_all::<ROUND, PANEL_COLUMNS>(values) };
}
