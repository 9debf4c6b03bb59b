//! What the dispatcher's lock guards: the planner, the open requests and the counters.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use chorus_engine::planner::{Batch, Item, ModelId, Planner, PlannerConfig, TextId};

use super::{InferRequest, Reply, TextAnswer, Ticket};
use crate::{
    error::{BatchError, InferError},
    model::{Model, Output},
    stats::{Counters, EngineStats},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Closed,
    Draining,
    Running,
}

/// The content ids of one text by tokenizer index; only the tokenizers that its models need.
pub type TextIds = HashMap<usize, Arc<[u32]>>;

/// What tokenization found out about a text.
pub struct Tokenized {
    pub ids: TextIds,
    /// One entry per requested model.
    pub items: Vec<Item>,
    pub truncated_by: Vec<ModelId>,
}

/// An accepted request and what is known of its answer so far.
pub struct Request {
    pub input: Arc<InferRequest>,
    pub reply: Reply,
    /// One per text, as soon as it is tokenized.
    texts: Vec<PendingText>,
    /// Outputs still to come.
    missing: usize,
}

struct PendingText {
    id: TextId,
    ids: TextIds,
    outputs: Vec<Option<Output>>,
    truncated_by: Vec<ModelId>,
}

impl Request {
    pub fn new(input: InferRequest, reply: Reply) -> Self {
        let missing = input.texts.len() * input.models.len();
        Self { texts: Vec::with_capacity(input.texts.len()), input: Arc::new(input), reply, missing }
    }

    fn take_answers(&mut self) -> Vec<TextAnswer> {
        let answer = |text: PendingText| TextAnswer {
            outputs: text.outputs.into_iter().flatten().collect(),
            truncated_by: text.truncated_by,
        };
        self.texts.drain(..).map(answer).collect()
    }
}

/// A request with its finished answer, out of the state.
pub type Finished = (Request, Result<Vec<TextAnswer>, InferError>);

pub struct State {
    pub planner: Planner,
    pub phase: Phase,
    pub counters: Counters,
    requests: HashMap<Ticket, Request>,
    untokenized: VecDeque<Ticket>,
    /// Request and position in it, by the planner's id.
    texts: HashMap<TextId, (Ticket, usize)>,
    model_names: Vec<String>,
}

impl State {
    pub fn new(planner: PlannerConfig, models: &[Model], now: Instant) -> Self {
        let model_names: Vec<String> = models.iter().map(|model| model.info.name.clone()).collect();
        Self {
            planner: Planner::new(planner),
            phase: Phase::Running,
            counters: Counters::new(planner.lanes, planner.capacity, &model_names, now),
            requests: HashMap::new(),
            untokenized: VecDeque::new(),
            texts: HashMap::new(),
            model_names,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && !self.planner.is_running()
    }

    pub fn add(&mut self, ticket: Ticket, request: Request, now: Instant) {
        if self.is_empty() {
            self.counters.woke(now);
        }
        self.untokenized.push_back(ticket);
        self.requests.insert(ticket, request);
    }

    /// The next request to tokenize.
    pub fn next_untokenized(&mut self) -> Option<(Ticket, Arc<InferRequest>)> {
        let ticket = self.untokenized.pop_front()?;
        let request = self.requests.get(&ticket).expect("a request leaves `untokenized` together with `requests`");
        Some((ticket, Arc::clone(&request.input)))
    }

    /// Enqueues the texts of a request, unless it has been cancelled meanwhile.
    pub fn enqueue(&mut self, ticket: Ticket, tokenized: Vec<Tokenized>, now: Instant) {
        let Some(request) = self.requests.get_mut(&ticket) else { return };
        for (position, text) in tokenized.into_iter().enumerate() {
            self.counters.tokenized(&text.items, !text.truncated_by.is_empty());
            let outputs = vec![None; text.items.len()];
            let id = self.planner.enqueue(text.items, now);
            self.texts.insert(id, (ticket, position));
            request.texts.push(PendingText { id, ids: text.ids, outputs, truncated_by: text.truncated_by });
        }
    }

    /// The content ids of a batch's texts; `None` for a text whose request has gone.
    pub fn batch_ids(&self, batch: &Batch, tokenizer: usize) -> Vec<Option<Arc<[u32]>>> {
        let ids = |text: &TextId| {
            let (ticket, position) = self.texts.get(text)?;
            self.requests.get(ticket)?.texts[*position].ids.get(&tokenizer).cloned()
        };
        batch.texts.iter().map(ids).collect()
    }

    /// The labels per classifier that a text's request asked for.
    pub fn top(&self, text: TextId) -> usize {
        let request = self.texts.get(&text).and_then(|(ticket, _)| self.requests.get(ticket));
        request.map_or(0, |request| request.input.top)
    }

    /// Enters a text's output; returns its request if that completes or fails it.
    pub fn complete(&mut self, text: TextId, model: ModelId, output: Result<Output, BatchError>) -> Option<Finished> {
        let &(ticket, position) = self.texts.get(&text)?;
        match output {
            Err(reason) => {
                self.counters.failed(model, &reason);
                let request = self.remove(ticket)?;
                let model = self.model_names[model.0].clone();
                Some((request, Err(InferError::Inference { model, reason })))
            }
            Ok(output) => {
                self.counters.done(model);
                let request = self.requests.get_mut(&ticket)?;
                let slot = request.input.models.iter().position(|&requested| requested == model)?;
                request.texts[position].outputs[slot] = Some(output);
                request.missing -= 1;
                if request.missing > 0 {
                    return None;
                }
                let mut request = self.forget(ticket)?;
                let answers = request.take_answers();
                Some((request, Ok(answers)))
            }
        }
    }

    /// Takes a request out and frees its places in the queue.
    pub fn remove(&mut self, ticket: Ticket) -> Option<Request> {
        let request = self.forget(ticket)?;
        self.planner.release(request.input.texts.len() - request.texts.len());
        for text in &request.texts {
            self.planner.cancel(text.id);
            let unanswered = text.outputs.iter().zip(&request.input.models).filter(|(output, _)| output.is_none());
            unanswered.for_each(|(_, &model)| self.counters.cancelled(model));
        }
        Some(request)
    }

    fn forget(&mut self, ticket: Ticket) -> Option<Request> {
        let request = self.requests.remove(&ticket)?;
        self.untokenized.retain(|&waiting| waiting != ticket);
        for text in &request.texts {
            self.texts.remove(&text.id);
        }
        Some(request)
    }

    pub fn stats(&self, now: Instant) -> EngineStats {
        self.counters.snapshot(&self.planner, now)
    }
}
