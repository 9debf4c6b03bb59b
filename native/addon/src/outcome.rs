//! How calls end, as data: `{ type: 'done', … }` or `{ type: 'failed', code, message }`.

use chorus_runtime::{engine::Engine, error::LoadError};
use napi_derive::napi;

use crate::dto::ModelInfo;

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum LoadOutcome {
    Done {
        models: Vec<ModelInfo>,
        max_batch_tokens: u32,
        ort_version: String,
    },
    /// `model` and `field` name what in the profile is to blame, where something is.
    Failed {
        code: String,
        message: String,
        model: Option<String>,
        field: Option<String>,
    },
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
        let models = engine.dispatcher.models().iter().map(|model| ModelInfo::from(&**model)).collect();
        Self::Done { models, max_batch_tokens: engine.max_batch_tokens as u32, ort_version: engine.ort_version.clone() }
    }

    pub fn failed(error: &LoadError) -> Self {
        let (model, field) = error.entry().map(|(model, field)| (model.to_owned(), field.to_owned())).unzip();
        Self::Failed { code: error.code().to_owned(), message: error.to_string(), model, field }
    }
}
