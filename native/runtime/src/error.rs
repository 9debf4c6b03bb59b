//! Why the engine could not start.
//!
//! Messages name the file or value, what was expected and what was found. What can happen to a request is in
//! `chorus_core::requests`.

use std::{
    io,
    path::{Path, PathBuf},
};

use chorus_core::{requests::BatchError, spec::SpecError, weights::WeightError};
use chorus_cuda::CudaError;
use thiserror::Error;

/// Why the engine could not start.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("{path}: {source}")]
    Config { path: PathBuf, source: SpecError },
    #[error("the GPU: {0}")]
    Device(CudaError),
    #[error("{path}: expected {expected}, found {found}")]
    Invalid { path: PathBuf, expected: String, found: String },
    #[error("ONNX Runtime: {0}")]
    Library(String),
    #[error("{directory}: expected {expected}, found none of it")]
    Missing { directory: PathBuf, expected: String },
    /// A library's, while it read the model's files.
    #[error("{path}: model `{model}` cannot be loaded: {message}")]
    Panic { model: String, path: PathBuf, message: String },
    /// An entry of the profile asks for what the model's files do not have.
    #[error("{path}: expected {expected}, found {found}")]
    Profile { model: String, field: &'static str, path: PathBuf, expected: String, found: String },
    #[error("{path}: ONNX Runtime refused the model: {message}")]
    Session { path: PathBuf, message: String },
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("{directory}: {source}")]
    Weights { directory: PathBuf, source: WeightError },
}

impl LoadError {
    pub(crate) fn invalid(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_owned(), expected: expected.into(), found: found.into() }
    }

    pub(crate) fn missing(directory: &Path, expected: impl Into<String>) -> Self {
        Self::Missing { directory: directory.to_owned(), expected: expected.into() }
    }

    pub(crate) fn session(path: &Path, error: &ort::Error) -> Self {
        Self::Session { path: path.to_owned(), message: first_line(error) }
    }

    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), source: io::Error::new(error.kind(), error.to_string()) }
    }

    pub(crate) fn unwritable(path: &Path, error: &io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), source: io::Error::new(error.kind(), error.to_string()) }
    }

    /// The model and the field of its entry in the profile, where that asks for what cannot be.
    pub fn entry(&self) -> Option<(&str, &'static str)> {
        match self {
            Self::Profile { model, field, .. } => Some((model, field)),
            _ => None,
        }
    }

    /// The error's machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "config",
            Self::Device(_) => "device",
            Self::Invalid { .. } => "invalid_file",
            Self::Library(_) => "ort_library",
            Self::Missing { .. } => "missing_file",
            Self::Panic { .. } => "panic",
            Self::Profile { .. } => "profile",
            Self::Session { .. } => "session",
            Self::Unreadable { .. } => "unreadable_file",
            Self::Unwritable { .. } => "unwritable_file",
            Self::Weights { .. } => "weights",
        }
    }
}

/// What ONNX Runtime says of a batch.
pub(crate) fn of_batch(error: &ort::Error) -> BatchError {
    BatchError::Runtime(first_line(error))
}

/// ONNX Runtime appends stack traces; the first line says what happened.
pub(crate) fn first_line(error: &ort::Error) -> String {
    error.to_string().lines().next().unwrap_or("unknown error").to_owned()
}
