//! What stands on top of the encoder: a classification head or a pooled vector.

use chorus_core::{
    names::{ClassifierNames, EncoderNames, HeadFunction},
    spec::{ModelSpec, Pooling, Task},
    weights::{WeightError, WeightIndex},
};
use chorus_kernels::{Activation, F32, F32Linear, Matrix, Rows};

use super::{
    layer::multiply,
    team::Crew,
    weights::{Packing, Sizes, linear},
};

/// Always in single precision: a head costs next to nothing, and its rounding would go straight to a score.
pub enum HeadLayers {
    /// `projection(function(dense(first token)))`
    Classifier {
        dense: F32Linear,
        function: HeadFunction,
        projection: F32Linear,
    },
    Pooled(Pooling),
}

impl HeadLayers {
    /// The layers, and the numbers that they give for a text.
    pub fn pack(
        packing: &Packing,
        index: &WeightIndex,
        spec: &ModelSpec,
        names: &EncoderNames,
    ) -> Result<(Self, usize), WeightError> {
        let size = spec.hidden_size;
        if let Task::Embedding(pooling) = spec.task {
            return Ok((Self::Pooled(pooling), size));
        }
        let ClassifierNames { dense, function, projection } = names.classifier();
        let classes = index.rows(&format!("{projection}.weight"), size)?;
        let linear =
            |name: &str, outputs| linear(packing, &[name], Sizes { inputs: size, outputs }, Activation::Identity);
        let layers =
            Self::Classifier { dense: linear(&dense, size)?, function, projection: linear(projection, classes)? };
        Ok((layers, classes))
    }

    /// Whether nothing but the first token of a text is read.
    pub fn reads_first_tokens(spec: &ModelSpec) -> bool {
        spec.task != Task::Embedding(Pooling::Mean)
    }

    /// A row of numbers for each text. `hidden` has a row for each text, or, for means, for each token;
    /// `offsets` are the first token of each text and the number of all.
    pub fn run(&self, hidden: Matrix<'_>, offsets: &[usize], crew: &Crew) -> Vec<f32> {
        match self {
            Self::Classifier { dense, function, projection } => {
                let [mut inputs, mut features, mut logits] = [(); 3].map(|()| Rows::<F32>::new());
                inputs.convert(&hidden.to_vec(), hidden.columns());
                multiply(dense, &inputs, &mut features, crew);
                let function: fn(f32) -> f32 = match function {
                    HeadFunction::Relu => |x| x.max(0.0),
                    HeadFunction::Tanh => f32::tanh,
                };
                let features: Vec<f32> = features.values().to_vec().into_iter().map(function).collect();
                inputs.convert(&features, dense.shape().outputs);
                multiply(projection, &inputs, &mut logits, crew);
                logits.values().to_vec()
            }
            Self::Pooled(Pooling::FirstToken) => hidden.to_vec(),
            Self::Pooled(Pooling::Mean) => {
                offsets.windows(2).flat_map(|text| mean(hidden.with_rows(text[0]..text[1]))).collect()
            }
        }
    }
}

/// The mean of all rows.
fn mean(rows: Matrix<'_>) -> Vec<f32> {
    let mut sums = vec![0.0; rows.columns()];
    for row in 0..rows.rows() {
        sums.iter_mut().zip(rows.row(row)).for_each(|(sum, value)| *sum += value);
    }
    let count = rows.rows() as f32;
    for sum in &mut sums {
        *sum /= count;
    }
    sums
}
