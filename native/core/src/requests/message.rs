//! What comes to the requests and goes out from them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{BatchError, FlightId, InferError, open::RequestId};
use crate::{
    content::Content,
    planner::{Batch, Class, ModelId},
};

/// A request's name, chosen by the caller; unique among open requests.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// A text and the models that are to answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextRequest {
    pub text: Arc<str>,
    /// At least one, each once.
    pub models: Arc<[ModelId]>,
}

/// Texts to be answered.
#[derive(Clone, Debug)]
pub struct InferRequest {
    pub texts: Vec<TextRequest>,
    /// When the answer is of no use any more.
    pub deadline: Option<Instant>,
    pub class: Class,
}

/// The answer to a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Text by text, for each of its models in their order: a score for each label, or a vector.
    pub numbers: Vec<f32>,
    /// Texts, by their index, of which a model has read only the beginning.
    pub truncated: Vec<(usize, ModelId)>,
    /// Outputs that nobody else had asked for; none where all of the request was on its way already.
    pub begun: usize,
    pub timing: Timing,
}

/// Where a request's time went in the engine; the parts follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From acceptance until all texts were prepared, waiting for a tokenizer thread included.
    pub tokenization: Duration,
    /// Until the first batch with one of its texts began.
    pub queue: Duration,
    /// Until the last batch with one of its texts ended.
    pub inference: Duration,
}

/// How an accepted request ended.
#[derive(Debug, PartialEq)]
pub struct Reply {
    pub ticket: Ticket,
    pub answer: Result<Answer, InferError>,
}

/// A text that is to be prepared for its models.
#[derive(Clone, Debug)]
pub struct TextJob {
    pub(super) request: RequestId,
    pub(super) index: usize,
    pub text: Arc<str>,
    pub models: Arc<[ModelId]>,
}

/// What one of a text's models reads of it.
#[derive(Clone, Debug)]
pub struct Part {
    pub model: ModelId,
    pub content: Content,
    /// What a batch's budget counts.
    pub cost: usize,
    /// The model reads only the beginning.
    pub truncated: bool,
}

/// A batch, and what of it is still wanted.
#[derive(Debug)]
pub struct Work {
    pub batch: Batch,
    pub flights: Vec<(FlightId, Content)>,
}

/// How a batch went.
pub struct Outcome {
    /// For each of its flights, in order.
    pub outputs: Vec<Result<Vec<f32>, BatchError>>,
    /// What the model had to compute, in the unit of `Batch::cost`, padding included.
    pub computed: usize,
    pub elapsed: Duration,
}
