//! How calls end, as data: `{ type: 'done', … }` or `{ type: 'failed', code, message }`.

use chorus_runtime::{
    checkpoint::Stored,
    engine::{Engine, EngineConfig},
    error::LoadError,
    memory, model,
};
use napi_derive::napi;

use crate::{
    convert,
    dto::{Description, Footprint, ModelInfo, StoredFile},
};

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
pub enum DescribeOutcome {
    Done {
        description: Description,
    },
    /// As of [`LoadOutcome`].
    Failed {
        code: String,
        message: String,
        model: Option<String>,
        field: Option<String>,
    },
}

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum FootprintOutcome {
    Done {
        footprint: Footprint,
    },
    /// As of [`LoadOutcome`].
    Failed {
        code: String,
        message: String,
        model: Option<String>,
        field: Option<String>,
    },
}

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum ConvertOutcome {
    Done { files: Vec<StoredFile> },
    Failed { code: String, message: String },
}

impl From<Result<model::Description, LoadError>> for DescribeOutcome {
    fn from(result: Result<model::Description, LoadError>) -> Self {
        match result {
            Ok(description) => Self::Done { description: description.into() },
            Err(error) => {
                let (model, field) = entry(&error);
                Self::Failed { code: error.code().to_owned(), message: error.to_string(), model, field }
            }
        }
    }
}

impl FootprintOutcome {
    pub fn of(config: &EngineConfig) -> Self {
        match memory::footprint(config) {
            Ok(footprint) => Self::Done { footprint: convert::footprint(&footprint, &config.models) },
            Err(error) => {
                let (model, field) = entry(&error);
                Self::Failed { code: error.code().to_owned(), message: error.to_string(), model, field }
            }
        }
    }
}

impl From<Result<Vec<Stored>, LoadError>> for ConvertOutcome {
    fn from(result: Result<Vec<Stored>, LoadError>) -> Self {
        match result {
            Ok(files) => Self::Done { files: files.into_iter().map(StoredFile::from).collect() },
            Err(error) => Self::Failed { code: error.code().to_owned(), message: error.to_string() },
        }
    }
}

fn entry(error: &LoadError) -> (Option<String>, Option<String>) {
    error.entry().map(|(model, field)| (model.to_owned(), field.to_owned())).unzip()
}

impl LoadOutcome {
    pub fn done(engine: &Engine) -> Self {
        let models = engine.dispatcher.models().iter().map(|model| ModelInfo::from(&**model)).collect();
        Self::Done { models, max_batch_tokens: engine.max_batch_tokens as u32, ort_version: engine.ort_version.clone() }
    }

    pub fn failed(error: &LoadError) -> Self {
        let (model, field) = entry(error);
        Self::Failed { code: error.code().to_owned(), message: error.to_string(), model, field }
    }
}
