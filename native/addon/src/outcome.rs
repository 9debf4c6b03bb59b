//! How calls end, as data: `{ type: 'done', … }` or `{ type: 'failed', code, message }`.

use chorus_runtime::{
    dispatcher,
    engine::Engine,
    error::{InferError, LoadError},
};
use napi_derive::napi;

use crate::dto::{ModelInfo, TextAnswer};

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum LoadOutcome {
    Done { models: Vec<ModelInfo>, ort_version: String },
    Failed { code: String, message: String },
}

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum InferOutcome {
    Done { answers: Vec<TextAnswer> },
    Failed { code: String, message: String },
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
        Self::Done { models, ort_version: engine.ort_version.clone() }
    }

    pub fn failed(error: &LoadError) -> Self {
        Self::Failed { code: error.code().to_owned(), message: error.to_string() }
    }
}

impl From<Result<Vec<dispatcher::TextAnswer>, InferError>> for InferOutcome {
    fn from(answer: Result<Vec<dispatcher::TextAnswer>, InferError>) -> Self {
        match answer {
            Ok(answers) => Self::Done { answers: answers.into_iter().map(TextAnswer::from).collect() },
            Err(error) => Self::Failed { code: error.code().to_owned(), message: error.to_string() },
        }
    }
}
