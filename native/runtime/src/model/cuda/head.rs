//! What stands on top of the encoder, always in single precision: its rounding would go straight to a score.

use chorus_core::{
    names::{ClassifierNames, EncoderNames, HeadFunction},
    spec::{ModelSpec, Pooling, Task},
    weights::WeightIndex,
};
use chorus_cuda::{CudaError, Dense, Element, Function};

use super::{
    layer::{Batch, Seat},
    weights::Upload,
};
use crate::error::LoadError;

pub enum Head {
    Classifier(Box<Classifier>),
    Pooled { pooling: Pooling, size: usize },
}

/// `projection(function(dense(first token)))`
pub struct Classifier {
    dense: Dense,
    function: Function,
    projection: Dense,
}

impl Head {
    pub fn upload(
        upload: &Upload,
        index: &WeightIndex,
        spec: &ModelSpec,
        names: &EncoderNames,
    ) -> Result<Self, LoadError> {
        let size = spec.hidden_size;
        if let Task::Embedding(pooling) = spec.task {
            return Ok(Self::Pooled { pooling, size });
        }
        let ClassifierNames { dense, function, projection } = names.classifier();
        let classes = index
            .rows(&format!("{projection}.weight"), size)
            .map_err(|source| LoadError::Weights { directory: upload.directory.to_owned(), source })?;
        Ok(Self::Classifier(Box::new(Classifier {
            dense: upload.dense(&dense, [size, size])?,
            function: match function {
                HeadFunction::Relu => Function::Relu,
                HeadFunction::Tanh => Function::Tanh,
            },
            projection: upload.dense(projection, [classes, size])?,
        })))
    }

    /// Numbers for each text.
    pub fn width(&self) -> usize {
        match self {
            Self::Classifier(classifier) => classifier.projection.bias.len(),
            Self::Pooled { size, .. } => *size,
        }
    }

    /// A row of numbers for each text of `batch`, from `seat.hidden`: a row for the first token of each text, or, for
    /// means, for each token.
    pub fn run<T: Element>(&self, seat: &mut Seat<T>, batch: &Batch, size: usize) -> Result<Vec<f32>, CudaError> {
        let Seat { queue, indexes, hidden, pooled, logits, .. } = seat;
        let texts = batch.texts;
        let numbers = indexes.part(batch.numbers());
        pooled.reserve(queue, texts * size)?;
        match self {
            Self::Classifier(classifier) => {
                let Classifier { dense, function, projection } = &**classifier;
                let classes = projection.bias.len();
                logits.reserve(queue, texts * classes)?;
                queue.dense(dense, *function, hidden, &numbers, pooled)?;
                queue.dense(projection, Function::Identity, pooled, &numbers, logits)?;
                logits.fetch(queue, texts * classes)
            }
            Self::Pooled { pooling: Pooling::FirstToken, .. } => {
                queue.gather_wide(hidden, &numbers, size, pooled)?;
                pooled.fetch(queue, texts * size)
            }
            Self::Pooled { pooling: Pooling::Mean, .. } => {
                queue.mean(hidden, &indexes.part(batch.offsets()), size, pooled)?;
                pooled.fetch(queue, texts * size)
            }
        }
    }
}
