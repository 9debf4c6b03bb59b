//! Tensors of a checkpoint as numbers: packed into operators, or read row by row.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicUsize, Ordering},
};

use chorus_engine::weights::{Dtype, Tensor, WeightError};
use chorus_kernels::{Activation, Format, LayerNorm, Linear, Shape};
use half::{bf16, f16};

use crate::checkpoint::WeightFiles;

/// The tensors of a checkpoint, counted as they are read.
pub struct Tensors<'a> {
    files: &'a WeightFiles,
    parameters: AtomicUsize,
}

/// The input and output sizes of a linear layer.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub inputs: usize,
    pub outputs: usize,
}

impl<'a> Tensors<'a> {
    pub fn new(files: &'a WeightFiles) -> Self {
        Self { files, parameters: AtomicUsize::new(0) }
    }

    /// Numbers in all tensors that were read.
    pub fn parameters(&self) -> usize {
        self.parameters.load(Ordering::Relaxed)
    }

    /// The linear layers `names`, all of the same sizes, as one whose outputs stand side by side.
    pub fn linear<F: Format>(
        &self,
        names: &[&str],
        sizes: Sizes,
        activation: Activation,
    ) -> Result<Linear<F>, WeightError> {
        let Sizes { inputs, outputs } = sizes;
        let read = |part: &str, shape: &[usize]| {
            let tensors: Result<Vec<_>, _> =
                names.iter().map(|name| self.numbers(&format!("{name}.{part}"), shape)).collect();
            tensors.map(joined)
        };
        let (weights, bias) = (read("weight", &[outputs, inputs])?, read("bias", &[outputs])?);
        let shape = Shape { outputs: names.len() * outputs, inputs };
        Ok(Linear::pack(&weights, Some(&bias), shape, activation))
    }

    pub fn layer_norm(&self, name: &str, size: usize, epsilon: f32) -> Result<LayerNorm, WeightError> {
        let read = |part: &str| self.numbers(&format!("{name}.{part}"), &[size]).map(Cow::into_owned);
        Ok(LayerNorm::new(read("weight")?, read("bias")?, epsilon))
    }

    /// The first row of a table, such as that of token types.
    pub fn first_row(&self, name: &str, rows: usize, columns: usize) -> Result<Vec<f32>, WeightError> {
        let table = self.table(name, rows, columns)?;
        self.parameters.fetch_sub((rows - 1) * columns, Ordering::Relaxed);
        let mut row = vec![0.0; columns];
        table.add_row(self.files, 0, &mut row);
        Ok(row)
    }

    /// A table that stays in its file.
    pub fn table(&self, name: &str, rows: usize, columns: usize) -> Result<Table, WeightError> {
        let tensor = self.files.index.expect(name, &[rows, columns])?.clone();
        self.parameters.fetch_add(rows * columns, Ordering::Relaxed);
        Ok(Table { tensor, columns })
    }

    fn numbers(&self, name: &str, shape: &[usize]) -> Result<Cow<'a, [f32]>, WeightError> {
        let tensor = self.files.index.expect(name, shape)?;
        let bytes = self.files.bytes(&tensor.data).unwrap_or_default();
        self.parameters.fetch_add(shape.iter().product(), Ordering::Relaxed);
        Ok(match (tensor.dtype, bytemuck::try_cast_slice(bytes)) {
            (Dtype::F32, Ok(numbers)) => Cow::Borrowed(numbers),
            (dtype, _) => Cow::Owned(widened(dtype, bytes).collect()),
        })
    }
}

/// A table of which a request reads a few rows.
pub struct Table {
    tensor: Tensor,
    columns: usize,
}

impl Table {
    /// Adds row `index` to `sums`; a row that is not there adds nothing.
    pub fn add_row(&self, files: &WeightFiles, index: usize, sums: &mut [f32]) {
        let bytes = files.bytes(&self.tensor.data).unwrap_or_default();
        let length = self.columns * self.tensor.dtype.size();
        let row = bytes.get(index * length..(index + 1) * length).unwrap_or_default();
        for (sum, number) in sums.iter_mut().zip(widened(self.tensor.dtype, row)) {
            *sum += number;
        }
    }
}

/// Little-endian numbers of any element type, wherever they lie, as `f32`. Widening is exact.
fn widened(dtype: Dtype, bytes: &[u8]) -> impl Iterator<Item = f32> {
    let size = dtype.size();
    bytes.chunks_exact(size).map(move |number| match (dtype, number) {
        (Dtype::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32(),
        (Dtype::Bf16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f32(),
        (_, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        _ => unreachable!("chunks have the element's size"),
    })
}

/// Several tensors one after the other; a single one is not copied.
fn joined(tensors: Vec<Cow<'_, [f32]>>) -> Cow<'_, [f32]> {
    match <[_; 1]>::try_from(tensors) {
        Ok([single]) => single,
        Err(several) => Cow::Owned(several.concat()),
    }
}
