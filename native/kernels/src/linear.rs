//! What the linear operators of all number formats share: packing and running.

use std::{marker::PhantomData, ops::Range};

use crate::{
    activation::Activation,
    element::Element,
    format::{Epilogue, Format},
    gemm::{self, Finished},
    isa::Isa,
    layout::{PANEL_COLUMNS, Shape},
    matrix::MatrixMut,
    panels::Panels,
    rows::Rows,
    tile::{self, TILE_ROWS, TileKernel},
};

/// `y[rows, outputs] = activation(x[rows, inputs] · Wᵀ + b)`, with packed weights in the format `F`.
///
/// # Why does nothing here return an error?
/// Shapes are fixed when a model is loaded; a wrong one is a defect of the caller and panics.
pub struct Linear<F: Format> {
    panels: Panels,
    activation: Activation,
    isa: Isa,
    kernel: TileKernel,
    format: PhantomData<fn() -> F>,
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
        Self { panels, activation, isa, kernel: tile::kernel(F::PACKED, isa), format: PhantomData }
    }

    /// Bytes that the packed weights of an operator of this shape take.
    pub fn packed_bytes(shape: Shape) -> usize {
        Panels::bytes(F::PACKED, shape)
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
        let Finished { sums, panel, .. } = *tile;
        let tile = Epilogue { sums, panel, scales: &scales[rows.clone()], activation: self.activation };
        if columns.len() == PANEL_COLUMNS {
            return F::finish(self.isa, &tile, y.block(rows, columns));
        }
        let mut wide = [E::default(); TILE_ROWS * PANEL_COLUMNS];
        let wide = &mut wide[..rows.len() * PANEL_COLUMNS];
        F::finish(self.isa, &tile, MatrixMut::new(wide, PANEL_COLUMNS));
        let mut target = y.block(rows, columns.clone());
        for (row, values) in wide.chunks_exact(PANEL_COLUMNS).enumerate() {
            target.row_mut(row).copy_from_slice(&values[..columns.len()]);
        }
    }
}
