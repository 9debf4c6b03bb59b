//! How calls end, as data: `{ type: 'done', … }` or `{ type: 'failed', code, message }`, and a failure alone
//! where nothing is to be told otherwise.

use chorus_runtime::{
    engine::Engine,
    error::{InferError, LoadError},
};
use napi_derive::napi;

use crate::dto::ModelInfo;

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum LoadOutcome {
    Done { models: Vec<ModelInfo>, max_batch_tokens: u32, ort_version: String },
    Failed { code: String, message: String },
}

/// Why a request got no answer.
#[napi(object)]
pub struct Failure {
    pub code: String,
    pub message: String,
}

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum CloseOutcome {
    Done {},
}

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum ConvertOutcome {
    Done {},
    Failed { code: String, message: String },
}

impl From<Result<(), LoadError>> for ConvertOutcome {
    fn from(result: Result<(), LoadError>) -> Self {
        match result {
            Ok(()) => Self::Done {},
            Err(error) => Self::Failed { code: error.code().to_owned(), message: error.to_string() },
        }
    }
}

impl LoadOutcome {
    pub fn done(engine: &Engine) -> Self {
        let models = engine.dispatcher.models().iter().map(ModelInfo::from).collect();
        Self::Done { models, max_batch_tokens: engine.max_batch_tokens as u32, ort_version: engine.ort_version.clone() }
    }

    pub fn failed(error: &LoadError) -> Self {
        Self::Failed { code: error.code().to_owned(), message: error.to_string() }
    }
}

impl From<InferError> for Failure {
    fn from(error: InferError) -> Self {
        Self { code: error.code().to_owned(), message: error.to_string() }
    }
}
