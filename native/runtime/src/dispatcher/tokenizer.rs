//! The tokenizer threads: of each text what its models read, once per distinct tokenizer.

use std::sync::Arc;

use chorus_core::{
    content::Content,
    planner::ModelId,
    requests::{BatchError, Part, Reply, TextJob},
};

#[cfg(test)]
use super::tests::Place;
use super::{
    Shared,
    supervise::{Step, Worker},
};
use crate::{
    model::Reader,
    tokenizer::{Encoded, TextTokenizer},
};

#[derive(Default)]
pub struct Tokenizer {
    /// A text that has been taken, and neither handed in nor failed.
    in_hand: Option<TextJob>,
    /// Replies that have not been delivered.
    outbox: Vec<Reply>,
}

impl Worker for Tokenizer {
    fn take(&mut self, shared: &Shared) -> Step {
        let now = (shared.clock)();
        let mut requests = shared.requests();
        self.outbox.extend(requests.expire(now));
        self.in_hand = requests.next_text();
        #[cfg(test)]
        shared.faults.pass(Place::Taking);
        let is_closed = requests.is_closed();
        // What has expired may have been all that a model was to be loaded for.
        shared.wake_loader(&requests);
        drop(requests);
        match self.in_hand {
            Some(_) => {
                #[cfg(test)]
                shared.faults.pass(Place::Taken);
                Step::Done
            }
            None if is_closed => Step::Closed,
            None => Step::Idle,
        }
    }

    fn work(&mut self, shared: &Shared) {
        let Some(job) = &self.in_hand else { return };
        let started = (shared.clock)();
        let parts = parts(shared, &job.text, &job.models);
        #[cfg(test)]
        shared.faults.pass(Place::Ran);
        let ended = (shared.clock)();
        let mut requests = shared.requests();
        let reply = match parts {
            Ok(parts) => requests.prepared(job, parts, ended - started, ended),
            Err((model, error)) => requests.unpreparable(job, model, &error),
        };
        self.outbox.extend(reply);
        #[cfg(test)]
        shared.faults.pass(Place::Entering);
        self.in_hand = None;
        shared.wake_lane(requests);
        #[cfg(test)]
        shared.faults.pass(Place::Entered);
    }

    fn fail(&mut self, shared: &Shared) {
        if let Some(job) = &self.in_hand {
            let mut requests = shared.requests();
            self.outbox.extend(requests.unpreparable(job, job.models[0], &BatchError::Panic));
            self.in_hand = None;
            shared.wake_loader(&requests);
        }
    }

    fn outbox(&mut self) -> &mut Vec<Reply> {
        &mut self.outbox
    }

    fn wait(&self, shared: &Shared) {
        let mut requests = shared.requests();
        if !requests.has_text() && !requests.is_closed() {
            shared.texts_waiting.wait(&mut requests.guard);
        }
    }
}

/// What each of `models` reads of `text`.
///
/// # Errors
/// The first of them that cannot read it, and why.
fn parts(shared: &Shared, text: &Arc<str>, models: &[ModelId]) -> Result<Vec<Part>, (ModelId, BatchError)> {
    let mut readings: Vec<Reading> = Vec::new();
    let part = |&model: &ModelId| {
        let ModelId(index) = model;
        match shared.models[index].reader {
            Reader::Text { cost_per_kib } => {
                let cost = (text.len() * cost_per_kib).div_ceil(1024).max(1);
                Ok(Part { model, content: Content::Text(Arc::clone(text)), cost, truncated: false })
            }
            Reader::Tokens { tokenizer, max_content, rows } => {
                let known = readings.iter().position(|reading| reading.index == tokenizer);
                if known.is_none() {
                    let reading = Reading::new(shared, text, tokenizer, models);
                    let failed = |error| (model, BatchError::Runtime(format!("its tokenizer: {error}")));
                    readings.push(reading.map_err(failed)?);
                }
                let place = known.unwrap_or(readings.len() - 1);
                let (ids, truncated) = readings[place].ids(max_content);
                readable(&ids, rows).map_err(|problem| (model, BatchError::Unreadable(problem)))?;
                Ok(Part { model, cost: ids.len(), content: Content::Tokens(ids), truncated })
            }
        }
    };
    models.iter().map(part).collect()
}

/// Whether a model with a table of so many rows, or of enough, can read `ids`; why not.
fn readable(ids: &[u32], rows: Option<usize>) -> Result<(), String> {
    if let Some(rows) = rows
        && let Some(id) = ids.iter().find(|&&id| id as usize >= rows)
    {
        return Err(format!("it has the token {id}, and the model knows {rows}"));
    }
    // Where a tokenizer puts nothing around a text.
    if ids.is_empty() { Err("it has no tokens".to_owned()) } else { Ok(()) }
}

/// One text by one tokenizer.
struct Reading<'a> {
    /// In the engine's set.
    index: usize,
    tokenizer: &'a TextTokenizer,
    encoded: Encoded,
    /// Sequences of different lengths: models that read alike share one.
    sequences: Vec<Arc<[u32]>>,
}

impl<'a> Reading<'a> {
    /// As much of the text as any of `models` reads by the tokenizer.
    fn new(shared: &'a Shared, text: &str, index: usize, models: &[ModelId]) -> Result<Self, tokenizers::Error> {
        let tokenizer = shared.tokenizers.get(index);
        let lengths = models.iter().filter_map(|model| shared.models[model.0].max_content(index));
        let encoded = tokenizer.encode(text, lengths.max().unwrap_or(0))?;
        Ok(Self { index, tokenizer, encoded, sequences: Vec::new() })
    }

    /// Special tokens around as much of the text as fits between them, and whether that is not all of it.
    fn ids(&mut self, max_content: usize) -> (Arc<[u32]>, bool) {
        let Encoded { content, truncated } = &self.encoded;
        let content_read = self.tokenizer.cut(content, max_content);
        let truncated = *truncated || content_read.len() < content.len();
        let length = self.tokenizer.special_count() + content_read.len();
        if let Some(ids) = self.sequences.iter().find(|ids| ids.len() == length) {
            return (Arc::clone(ids), truncated);
        }
        let ids: Arc<[u32]> = [self.tokenizer.prefix(), content_read, self.tokenizer.suffix()].concat().into();
        self.sequences.push(Arc::clone(&ids));
        (ids, truncated)
    }
}
