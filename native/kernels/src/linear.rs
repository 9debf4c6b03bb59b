//! What the linear operators of all number formats share: packing and running.

use std::ops::Range;

use crate::activation::Activation;
use crate::element::Element;
use crate::gemm::{self, Finished};
use crate::isa::Isa;
use crate::matrix::MatrixMut;
use crate::panels::{PackedFormat, Panels};
use crate::rows::Rows;
use crate::tile::{self, PANEL_COLUMNS, TILE_ROWS, TileKernel};

/// The size of a linear operator: `[outputs, inputs]`, as `PyTorch` lays out its weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    pub outputs: usize,
    pub inputs: usize,
}

impl Shape {
    /// Panels of [`PANEL_COLUMNS`] output channels, the last of which may be partly empty.
    pub fn panels(self) -> usize {
        self.outputs.div_ceil(PANEL_COLUMNS)
    }

    /// The output columns of part `part` of `parts`, for [`Linear::run_columns`]: whole panels, as evenly
    /// spread as they can be. A part is empty when there are fewer panels than parts.
    pub fn columns_of_part(self, part: usize, parts: usize) -> Range<usize> {
        let column = |part: usize| (self.panels() * part / parts * PANEL_COLUMNS).min(self.outputs);
        column(part)..column(part + 1)
    }
}

mod sealed {
    use super::{Activation, Element, Finished, Isa, MatrixMut, PackedFormat};

    pub trait Sealed: std::fmt::Debug + Default + 'static {
        /// What the conversion of a row gives besides its words.
        type Scale: Copy + Default + Send + Sync + std::fmt::Debug;

        #[doc(hidden)]
        const PACKED: PackedFormat;

        /// Turns one channel of weights into words, and writes its tail values, the bias among them.
        #[doc(hidden)]
        fn pack(isa: Isa, weights: &[f32], bias: f32, words: &mut [u32], tails: &mut [u32]);

        /// Turns a row of activations into words; writes all that are multiplied.
        #[doc(hidden)]
        fn convert(isa: Isa, values: &[f32], words: &mut [u32]) -> Self::Scale;

        /// Turns a tile's sums into results and writes them to `y`, which has the size of the tile; `scales` are
        /// those of its rows.
        #[doc(hidden)]
        fn finish<E: Element>(
            isa: Isa,
            tile: &Finished<'_>,
            scales: &[Self::Scale],
            activation: Activation,
            y: MatrixMut<'_, E>,
        );
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

/// `y[rows, outputs] = activation(x[rows, inputs] · Wᵀ + b)`, with packed weights in the format `F`.
///
/// # Why does nothing here return an error?
/// Shapes are fixed when a model is loaded; a wrong one is a defect of the caller and panics.
pub struct Linear<F: Format> {
    panels: Panels,
    activation: Activation,
    isa: Isa,
    kernel: TileKernel,
    format: std::marker::PhantomData<fn() -> F>,
}

impl<F: Format> Linear<F> {
    /// Packs `weights[outputs, inputs]` and `bias[outputs]` (none: zeros).
    ///
    /// # Panics
    /// If the lengths do not match `shape`, or a side of it is zero.
    pub fn pack(weights: &[f32], bias: Option<&[f32]>, shape: Shape, activation: Activation) -> Self {
        assert!(shape.outputs > 0 && shape.inputs > 0, "{shape:?}");
        assert_eq!(weights.len(), shape.outputs * shape.inputs, "weights of {shape:?}");
        assert!(bias.is_none_or(|bias| bias.len() == shape.outputs), "bias of {shape:?}");
        let isa = Isa::best();
        let panels = Panels::pack(F::PACKED, shape, |channel, words, tails| {
            let weights = &weights[channel * shape.inputs..][..shape.inputs];
            F::pack(isa, weights, bias.map_or(0.0, |bias| bias[channel]), words, tails);
        });
        Self { panels, activation, isa, kernel: tile::kernel(F::PACKED, isa), format: std::marker::PhantomData }
    }

    /// The same operator with the instructions of `isa` instead of the best.
    #[must_use]
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, kernel: tile::kernel(F::PACKED, isa), ..self }
    }

    pub fn shape(&self) -> Shape {
        self.panels.shape()
    }

    /// Computes all columns of `y[rows, outputs]`.
    ///
    /// # Panics
    /// If the shapes of `x` and `y` do not match.
    pub fn run<E: Element>(&self, x: &Rows<F>, y: MatrixMut<'_, E>) {
        self.run_columns(x, 0..self.shape().outputs, y);
    }

    /// Computes the output channels `columns` into `y[rows, columns.len()]`, so that several threads can
    /// share the work: see [`Shape::columns_of_part`] and [`MatrixMut::split_at_column`].
    ///
    /// # Panics
    /// If the shapes do not match, or `columns` does not consist of whole panels.
    pub fn run_columns<E: Element>(&self, x: &Rows<F>, columns: Range<usize>, mut y: MatrixMut<'_, E>) {
        let shape = self.shape();
        let whole = |column: usize| column.is_multiple_of(PANEL_COLUMNS) || column == shape.outputs;
        assert!(
            whole(columns.start) && whole(columns.end) && columns.end <= shape.outputs,
            "columns {columns:?} of {shape:?}"
        );
        assert_eq!(x.columns(), shape.inputs, "inputs");
        assert_eq!((y.rows(), y.columns()), (x.rows(), columns.len()), "output rows and columns");
        let panels = self.panels.panels(columns.start / PANEL_COLUMNS, columns.len().div_ceil(PANEL_COLUMNS));
        // SAFETY: `self.kernel` was chosen for `self.isa`, which exists only where the CPU has it.
        unsafe {
            gemm::multiply(x.words(), &panels, self.kernel, |tile| self.finish(&tile, x.scales(), &mut y));
        }
    }

    /// Writes a tile to its place in `y`; the last, partly empty panel by way of a tile of its own.
    fn finish<E: Element>(&self, tile: &Finished<'_>, scales: &[F::Scale], y: &mut MatrixMut<'_, E>) {
        let rows = tile.first_row..tile.first_row + tile.sums.len();
        let columns = tile.first_column..(tile.first_column + PANEL_COLUMNS).min(y.columns());
        let scales = &scales[rows.clone()];
        if columns.len() == PANEL_COLUMNS {
            return F::finish(self.isa, tile, scales, self.activation, y.block(rows, columns));
        }
        let mut wide = [E::default(); TILE_ROWS * PANEL_COLUMNS];
        let wide = &mut wide[..rows.len() * PANEL_COLUMNS];
        F::finish(self.isa, tile, scales, self.activation, MatrixMut::new(wide, PANEL_COLUMNS));
        let mut target = y.block(rows, columns.clone());
        for (row, values) in wide.chunks_exact(PANEL_COLUMNS).enumerate() {
            target.row_mut(row).copy_from_slice(&values[..columns.len()]);
        }
    }
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
