//! The tensors of a checkpoint as numbers, whatever type they are stored in.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicUsize, Ordering},
};

use chorus_core::weights::{Dtype, Tensor, WeightError};
use half::{bf16, f16};

use crate::checkpoint::WeightFiles;

/// The tensors of a checkpoint, counted as they are read.
pub struct Tensors<'a> {
    files: &'a WeightFiles,
    parameters: AtomicUsize,
}

impl<'a> Tensors<'a> {
    pub fn new(files: &'a WeightFiles) -> Self {
        Self { files, parameters: AtomicUsize::new(0) }
    }

    /// Numbers in all tensors that were read.
    pub fn parameters(&self) -> usize {
        self.parameters.load(Ordering::Relaxed)
    }

    /// The tensor `name`, which must have `shape`; not copied where it is stored in `f32`.
    pub fn numbers(&self, name: &str, shape: &[usize]) -> Result<Cow<'a, [f32]>, WeightError> {
        let tensor = self.files.index.expect(name, shape)?;
        let bytes = self.files.bytes(&tensor.data).unwrap_or_default();
        self.parameters.fetch_add(shape.iter().product(), Ordering::Relaxed);
        Ok(match (tensor.dtype, bytemuck::try_cast_slice(bytes)) {
            (Dtype::F32, Ok(numbers)) => Cow::Borrowed(numbers),
            (dtype, _) => Cow::Owned(widened(dtype, bytes).collect()),
        })
    }

    /// Tensors of the same shape one after the other; a single one is not copied.
    pub fn joined(
        &self,
        names: impl IntoIterator<Item = String>,
        shape: &[usize],
    ) -> Result<Cow<'a, [f32]>, WeightError> {
        let tensors: Vec<_> = names.into_iter().map(|name| self.numbers(&name, shape)).collect::<Result<_, _>>()?;
        Ok(match <[_; 1]>::try_from(tensors) {
            Ok([single]) => single,
            Err(several) => Cow::Owned(several.concat()),
        })
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

/// Little-endian numbers of any element type, wherever they lie, as `f32`: exact, but for those of double precision,
/// which transformers computes in single precision, too.
fn widened(dtype: Dtype, bytes: &[u8]) -> impl Iterator<Item = f32> {
    let size = dtype.size();
    bytes.chunks_exact(size).map(move |number| match (dtype, number) {
        (Dtype::F64, number) => <[u8; 8]>::try_from(number).map_or(f32::NAN, |bytes| f64::from_le_bytes(bytes) as f32),
        (Dtype::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32(),
        (Dtype::Bf16, &[a, b]) => bf16::from_le_bytes([a, b]).to_f32(),
        (_, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        _ => unreachable!("chunks have the element's size"),
    })
}
