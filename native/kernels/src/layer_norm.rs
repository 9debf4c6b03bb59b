//! Residual addition, layer normalization and conversion for the next operator, in one pass over a row while it is
//! in the first-level cache.

use crate::{
    format::Format,
    isa::Isa,
    lanes::{fold, sum},
    matrix::Matrix,
    rows::RowsMut,
};

/// `y = (s - mean(s)) / √(variance(s) + epsilon) · gain + bias`, where `s = x + residual`, row by row.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    gain: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
    isa: Isa,
}

impl LayerNorm {
    /// # Panics
    /// If `gain` and `bias` differ in length, or are empty.
    pub fn new(gain: Vec<f32>, bias: Vec<f32>, epsilon: f32) -> Self {
        assert!(!gain.is_empty() && gain.len() == bias.len(), "{} gains, {} biases", gain.len(), bias.len());
        Self { gain, bias, epsilon, isa: Isa::best() }
    }

    /// The same operator with the instructions of `isa` instead of the best.
    #[must_use]
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }

    /// Normalizes `x[rows, width]`, plus `residual[rows, width]` if there is one, into `y[rows, width]`, and
    /// converts every row of it.
    ///
    /// The variance is taken around the mean, not from squares of the values, so that a large mean costs no
    /// digits. A row's bits depend on that row alone.
    ///
    /// # Panics
    /// If the shapes do not match.
    pub fn run<F: Format>(&self, x: Matrix<'_>, residual: Option<Matrix<'_>>, mut y: RowsMut<'_, F>) {
        let size = (y.rows(), self.gain.len());
        assert_eq!((y.rows(), y.columns()), size, "output");
        assert_eq!((x.rows(), x.columns()), size, "input");
        assert!(residual.is_none_or(|residual| (residual.rows(), residual.columns()) == size), "residual");
        for row in 0..y.rows() {
            let target = y.row_mut(row);
            let total = match residual {
                Some(residual) => add(self.isa, x.row(row), residual.row(row), target),
                None => copy(self.isa, x.row(row), target),
            };
            normalize(self.isa, target, total, &self.gain, &self.bias, self.epsilon);
            y.convert(row);
        }
    }
}

vectorized! {
    /// Writes the sums of two rows, and returns their total.
    fn add(values: &[f32], others: &[f32], target: &mut [f32]) -> f32 = add_body
}

vectorized! {
    /// Writes a row, and returns its total.
    fn copy(values: &[f32], target: &mut [f32]) -> f32 = copy_body
}

vectorized! {
    fn normalize(values: &mut [f32], total: f32, gain: &[f32], bias: &[f32], epsilon: f32) = normalize_body
}

#[inline(always)]
fn add_body(values: &[f32], others: &[f32], target: &mut [f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = target.as_chunks_mut::<LANES>();
    let ((values, last_values), (others, last_others)) = (values.as_chunks::<LANES>(), others.as_chunks::<LANES>());
    for ((target, values), others) in chunks.iter_mut().zip(values).zip(others) {
        for lane in 0..LANES {
            target[lane] = values[lane] + others[lane];
            sums[lane] += target[lane];
        }
    }
    for (((sum, target), value), other) in sums.iter_mut().zip(rest).zip(last_values).zip(last_others) {
        *target = value + other;
        *sum += *target;
    }
    fold(sums, sum)
}

#[inline(always)]
fn copy_body(values: &[f32], target: &mut [f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += chunk[lane];
        }
    }
    sums.iter_mut().zip(rest).for_each(|(sum, value)| *sum += value);
    target.copy_from_slice(values);
    fold(sums, sum)
}

#[inline(always)]
fn normalize_body(values: &mut [f32], total: f32, gain: &[f32], bias: &[f32], epsilon: f32) {
    let count = values.len() as f32;
    let mean = total / count;
    let variance = sum_of_squares(values, mean) / count;
    let factor = (variance + epsilon).sqrt().recip();
    for ((value, gain), bias) in values.iter_mut().zip(gain).zip(bias) {
        *value = ((*value - mean) * factor).mul_add(*gain, *bias);
    }
}

/// Independent sums, added up in a fixed order.
const LANES: usize = 64;

/// `Σ (value - mean)²`
#[inline(always)]
fn sum_of_squares(values: &[f32], mean: f32) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let value = chunk[lane] - mean;
            sums[lane] = value.mul_add(value, sums[lane]);
        }
    }
    for (total, value) in sums.iter_mut().zip(rest) {
        let value = value - mean;
        *total = value.mul_add(value, *total);
    }
    fold(sums, sum)
}

#[cfg(test)]
mod tests {
    use super::LayerNorm;
    use crate::{F32, Isa, Matrix, Rows};

    #[test]
    fn rows_are_normalized_alike_everywhere() {
        for width in [1, 3, 63, 64, 65, 130, 768] {
            let value = |index: usize, factor: usize| (index * factor % 101) as f32 / 50.0 + 3.0;
            let values = |factor: usize, length: usize| (0..length).map(|i| value(i, factor)).collect::<Vec<_>>();
            let (x, residual, gain) = (values(37, 3 * width), values(59, 3 * width), values(17, width));
            let norm = LayerNorm::new(gain.clone(), values(23, width), 1e-5);
            let run = |isa: Isa, rows: std::ops::Range<usize>| {
                let range = rows.start * width..rows.end * width;
                let [x, residual] = [&x, &residual].map(|values| Matrix::new(&values[range.clone()], width));
                let mut y = Rows::<F32>::new();
                norm.clone().with_isa(isa).run(x, Some(residual), y.rows_mut(rows.len(), width));
                y.values().to_vec()
            };
            let reference = run(Isa::scalar(), 0..3);
            for isa in Isa::available() {
                assert_eq!(run(isa, 0..3), reference, "{isa} {width}");
                assert_eq!(run(isa, 1..2), reference[width..2 * width], "{isa} {width}");
            }
            for (row, y) in reference.chunks_exact(width).enumerate() {
                let sums = (0..width).map(|i| f64::from(x[row * width + i]) + f64::from(residual[row * width + i]));
                let mean = sums.clone().sum::<f64>() / width as f64;
                let variance = sums.clone().map(|sum| (sum - mean).powi(2)).sum::<f64>() / width as f64;
                for (i, sum) in sums.enumerate() {
                    let exact = (sum - mean) / (variance + 1e-5).sqrt() * f64::from(gain[i]) + f64::from(value(i, 23));
                    assert!((f64::from(y[i]) - exact).abs() < 2e-5, "{width}: {} is not {exact}", y[i]);
                }
            }
        }
    }
}
