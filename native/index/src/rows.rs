//! The vectors of an index, twice: as bytes to be scanned and as f32 to be compared.

use std::path::Path;

use chorus_kernels::{
    Isa,
    scan::{products, row_bytes},
};

use crate::{
    BYTES, IndexError, SCALES, VECTORS,
    candidates::Candidates,
    files::Mapped,
    vector::{self, Quantized},
};

/// Rows whose products are made before they are looked at: they and their products stay in the first cache.
const BLOCK_ROWS: usize = 64;

pub struct Rows {
    dimensions: usize,
    stride: usize,
    bytes: Mapped,
    scales: Mapped,
    vectors: Mapped,
}

/// A vector that is looked for.
pub struct Wanted {
    pub vector: Vec<f32>,
    bytes: Vec<i8>,
    pub quantized: Quantized,
}

impl Rows {
    pub fn open(folder: &Path, dimensions: usize, count: usize) -> Result<Self, IndexError> {
        let stride = row_bytes(dimensions);
        Ok(Self {
            dimensions,
            stride,
            bytes: Mapped::of_rows(folder, BYTES, count, stride)?,
            scales: Mapped::of_rows(folder, SCALES, count, size_of::<f32>())?,
            vectors: Mapped::of_rows(folder, VECTORS, count, dimensions * size_of::<f32>())?,
        })
    }

    pub fn wanted(&self, vector: &[f32]) -> Result<Wanted, IndexError> {
        let vector = vector::normalized(vector, self.dimensions)?;
        let mut bytes = vec![0; self.stride];
        let quantized = vector::quantize(&vector, &mut bytes);
        Ok(Wanted { vector, bytes, quantized })
    }

    /// Adds to the candidates of each of `wanted` those rows that `may_be_found` by it, scored by their bytes.
    pub fn scan(&self, wanted: &[&Wanted], candidates: &mut [Candidates], may_be_found: impl Fn(usize, usize) -> bool) {
        let queries: Vec<i8> = wanted.iter().flat_map(|wanted| &wanted.bytes).copied().collect();
        let mut room = vec![0; wanted.len() * BLOCK_ROWS];
        let blocks = self.bytes.values::<i8>().chunks(BLOCK_ROWS * self.stride);
        for (block, (bytes, scales)) in blocks.zip(self.scales.values::<f32>().chunks(BLOCK_ROWS)).enumerate() {
            let found = &mut room[..wanted.len() * scales.len()];
            products(Isa::best(), self.stride, bytes, &queries, found);
            for (query, (products, candidates)) in found.chunks(scales.len()).zip(&mut *candidates).enumerate() {
                let scale = wanted[query].quantized.scale;
                for (at, (&product, &row_scale)) in products.iter().zip(scales).enumerate() {
                    let score = product as f32 * row_scale * scale;
                    let row = block * BLOCK_ROWS + at;
                    if candidates.takes(score) && may_be_found(query, row) {
                        candidates.add(row as u32, score);
                    }
                }
            }
        }
    }

    /// The cosine of the angle between a row and `wanted`.
    pub fn score(&self, row: u32, wanted: &Wanted) -> f64 {
        let first = row as usize * self.dimensions;
        vector::product(&self.vectors.values::<f32>()[first..first + self.dimensions], &wanted.vector)
    }
}
