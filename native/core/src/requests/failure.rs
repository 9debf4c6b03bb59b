//! Why a request, or a batch of it, gets no answer. Messages never contain the text of a request.

use std::time::Duration;

use thiserror::Error;

/// Why a request got no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InferError {
    #[error("the engine has failed and answers nothing any more")]
    Broken,
    #[error("the request was cancelled")]
    Cancelled,
    #[error("no answer within {} ms", .after.as_millis())]
    DeadlineExceeded { after: Duration },
    #[error("the engine is shutting down")]
    Draining,
    #[error("model `{model}` failed: {reason}")]
    Inference { model: String, reason: BatchError },
    /// A model that is loaded on demand could not be.
    #[error("model `{model}` could not be loaded; it is tried again in {} s", .retry_after.as_secs_f64().ceil())]
    ModelUnavailable { model: String, retry_after: Duration },
    #[error("the queue holds {capacity} texts and is full")]
    QueueFull { capacity: usize },
    #[error("an answer would have to wait for {} ms; {} ms are allowed", .wait.as_millis(), .limit.as_millis())]
    QueueWait { wait: Duration, limit: Duration },
    #[error("model `{model}` cannot read the text: {problem}")]
    Unreadable { model: String, problem: String },
    #[error("{texts} texts in one request; at most {capacity} can wait")]
    TooManyTexts { texts: usize, capacity: usize },
}

impl InferError {
    /// The error's machine-readable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Broken => "internal",
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::Draining => "draining",
            Self::Inference { .. } => "inference_failed",
            Self::ModelUnavailable { .. } => "model_unavailable",
            Self::QueueFull { .. } => "queue_full",
            Self::QueueWait { .. } => "queue_wait",
            Self::TooManyTexts { .. } => "too_many_texts",
            Self::Unreadable { .. } => "unreadable_text",
        }
    }

    /// When another try may be worth it, as far as that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::QueueWait { wait, limit } => Some(wait.saturating_sub(*limit)),
            Self::ModelUnavailable { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }
}

/// Why a batch, or one text in it, gave no result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BatchError {
    #[error("its output is not finite")]
    NonFinite,
    /// The model could not be loaded, and is not tried again for so long.
    #[error("it could not be loaded")]
    NotLoaded { retry_after: Duration },
    #[error("it panicked")]
    Panic,
    #[error("{0}")]
    Runtime(String),
    /// The text is one that the model cannot read.
    #[error("{0}")]
    Unreadable(String),
}

impl BatchError {
    /// Every value of [`BatchError::reason`].
    pub const REASONS: [&str; 5] = ["non_finite", "not_loaded", "panic", "runtime", "unreadable"];

    /// The name used as a metric label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NonFinite => "non_finite",
            Self::NotLoaded { .. } => "not_loaded",
            Self::Panic => "panic",
            Self::Runtime(_) => "runtime",
            Self::Unreadable(_) => "unreadable",
        }
    }
}
