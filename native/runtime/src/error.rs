//! What can go wrong: one enum for start-up, one for a request.
//!
//! Messages name the file or value, what was expected and what was found. They never contain the
//! text of a request.

use std::{
    io,
    path::{Path, PathBuf},
};

use chorus_core::{planner::QueueFull, spec::SpecError, weights::WeightError};
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

    /// The error's machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "config",
            Self::Device(_) => "device",
            Self::Invalid { .. } => "invalid_file",
            Self::Library(_) => "ort_library",
            Self::Missing { .. } => "missing_file",
            Self::Session { .. } => "session",
            Self::Unreadable { .. } => "unreadable_file",
            Self::Unwritable { .. } => "unwritable_file",
            Self::Weights { .. } => "weights",
        }
    }
}

/// Why a request got no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InferError {
    #[error("the request was cancelled")]
    Cancelled,
    #[error("the engine is shutting down")]
    Draining,
    #[error("model `{model}` failed: {reason}")]
    Inference { model: String, reason: BatchError },
    #[error(transparent)]
    QueueFull(#[from] QueueFull),
}

impl InferError {
    /// The error's machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Draining => "draining",
            Self::Inference { .. } => "inference_failed",
            Self::QueueFull(_) => "queue_full",
        }
    }
}

/// Why a batch, or one text in it, gave no result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BatchError {
    #[error("its output is not finite")]
    NonFinite,
    #[error("the worker panicked")]
    Panic,
    #[error("{0}")]
    Runtime(String),
}

impl BatchError {
    /// Every value of [`BatchError::reason`].
    pub const REASONS: [&str; 3] = ["non_finite", "panic", "runtime"];

    /// The reason as a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NonFinite => "non_finite",
            Self::Panic => "panic",
            Self::Runtime(_) => "runtime",
        }
    }

    pub(crate) fn runtime(error: &ort::Error) -> Self {
        Self::Runtime(first_line(error))
    }
}

/// ONNX Runtime appends stack traces; the first line says what happened.
pub(crate) fn first_line(error: &ort::Error) -> String {
    error.to_string().lines().next().unwrap_or("unknown error").to_owned()
}
