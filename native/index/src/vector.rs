//! Vectors of length one.

use crate::IndexError;

/// Sums of products that are made side by side, so that every machine adds them up in the same order.
const LANES: usize = 8;

/// `vector` with length one.
///
/// Nothing that is not a direction gets in: one NaN would be nearest to everything.
pub fn normalized(vector: &[f32], dimensions: usize) -> Result<Vec<f32>, IndexError> {
    if vector.len() != dimensions {
        return Err(IndexError::Dimensions { found: vector.len(), expected: dimensions });
    }
    if !vector.iter().all(|value| value.is_finite()) {
        return Err(IndexError::NotFinite);
    }
    let norm = product(vector, vector).sqrt();
    if norm == 0.0 {
        return Err(IndexError::Zero);
    }
    Ok(vector.iter().map(|&value| (f64::from(value) / norm) as f32).collect())
}

/// Whether it can be what [`normalized`] gives.
pub fn has_length_one(vector: &[f32]) -> bool {
    (product(vector, vector) - 1.0).abs() < 1e-5
}

/// The inner product in f64, the same bits on every machine.
pub fn product(left: &[f32], right: &[f32]) -> f64 {
    let mut sums = [0.0; LANES];
    let (lefts, rights) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest: f64 = lefts.remainder().iter().zip(rights.remainder()).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    for (left, right) in lefts.zip(rights) {
        for ((sum, &left), &right) in sums.iter_mut().zip(left).zip(right) {
            *sum += f64::from(left) * f64::from(right);
        }
    }
    sums.into_iter().sum::<f64>() + rest
}

/// A vector as signed bytes.
pub struct Quantized {
    /// `value ≈ scale · byte`.
    pub scale: f32,
    /// The length of the difference between the vector and what its bytes stand for.
    pub error: f64,
}

/// Writes `vector` as signed bytes, and zeros behind them.
pub fn quantize(vector: &[f32], bytes: &mut [i8]) -> Quantized {
    let scale = chorus_kernels::scan::quantize_row(chorus_kernels::Isa::best(), vector, bytes);
    let squares = vector.iter().zip(bytes).map(|(&value, byte)| {
        let difference = f64::from(value) - f64::from(scale) * f64::from(*byte);
        difference * difference
    });
    Quantized { scale, error: squares.sum::<f64>().sqrt() }
}
