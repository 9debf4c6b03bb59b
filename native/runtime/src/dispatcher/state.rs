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

/// An accepted request and how much of its answer is still to come.
pub struct Request {
    pub input: Arc<InferRequest>,
    pub reply: Reply,
    /// One per text, as soon as it is tokenized.
    texts: Vec<RequestText>,
    /// Outputs still to come.
    missing: usize,
}

struct RequestText {
    flight: TextId,
    truncated_by: Vec<ModelId>,
}

impl Request {
    pub fn new(input: InferRequest, reply: Reply) -> Self {
        let missing = input.texts.len() * input.models.len();
        Self { texts: Vec::with_capacity(input.texts.len()), input: Arc::new(input), reply, missing }
    }
}

/// What makes two texts one computation: the same ids for the same models, answered alike.
#[derive(Clone, PartialEq, Eq, Hash)]
struct FlightKey {
    /// Content ids by tokenizer index, in its order.
    ids: Vec<(usize, Arc<[u32]>)>,
    models: Vec<ModelId>,
    top: usize,
}

/// A text on its way through the models, for every request that asks for it.
struct Flight {
    key: FlightKey,
    /// Each entry stands for one text of a request.
    tickets: Vec<Ticket>,
    /// One per model of the key.
    outputs: Vec<Option<Output>>,
}

/// A request with its finished answer, out of the state.
pub type Finished = (Request, Result<Vec<TextAnswer>, InferError>);

pub struct State {
    pub planner: Planner,
    pub phase: Phase,
    pub counters: Counters,
    requests: HashMap<Ticket, Request>,
    untokenized: VecDeque<Ticket>,
    flights: HashMap<TextId, Flight>,
    /// Those that later requests for the same may join: all that are not finished.
    joinable: HashMap<FlightKey, TextId>,
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
            flights: HashMap::new(),
            joinable: HashMap::new(),
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

    /// Enqueues the texts of a request, unless it has been cancelled meanwhile. A text that is on its way
    /// for somebody else is not computed again.
    pub fn enqueue(&mut self, ticket: Ticket, tokenized: Vec<Tokenized>, now: Instant) {
        let Some(request) = self.requests.get_mut(&ticket) else { return };
        for text in tokenized {
            self.counters.tokenized(&text.items, !text.truncated_by.is_empty());
            let mut ids: Vec<_> = text.ids.into_iter().collect();
            ids.sort_unstable_by_key(|&(tokenizer, _)| tokenizer);
            let key = FlightKey { ids, models: request.input.models.clone(), top: request.input.top };
            let flight = if let Some(&id) = self.joinable.get(&key) {
                self.planner.release(1);
                let flight = self.flights.get_mut(&id).expect("what can be joined is on its way");
                for (output, &model) in flight.outputs.iter().zip(&flight.key.models) {
                    if output.is_some() {
                        request.missing -= 1;
                        self.counters.done(model);
                    }
                }
                flight.tickets.push(ticket);
                id
            } else {
                let outputs = vec![None; text.items.len()];
                let id = self.planner.enqueue(text.items, now);
                self.joinable.insert(key.clone(), id);
                self.flights.insert(id, Flight { key, tickets: vec![ticket], outputs });
                id
            };
            request.texts.push(RequestText { flight, truncated_by: text.truncated_by });
        }
    }

    /// The content ids of a batch's texts; `None` for a text that nobody waits for any more.
    pub fn batch_ids(&self, batch: &Batch, tokenizer: usize) -> Vec<Option<Arc<[u32]>>> {
        let ids = |text: &TextId| {
            let (_, ids) = self.flights.get(text)?.key.ids.iter().find(|(index, _)| *index == tokenizer)?;
            Some(Arc::clone(ids))
        };
        batch.texts.iter().map(ids).collect()
    }

    /// The labels per classifier that are wanted of a text.
    pub fn top(&self, text: TextId) -> usize {
        self.flights.get(&text).map_or(0, |flight| flight.key.top)
    }

    /// Enters a text's output; returns the requests that it completes or fails.
    pub fn complete(&mut self, text: TextId, model: ModelId, output: Result<Output, BatchError>) -> Vec<Finished> {
        let Some(flight) = self.flights.get_mut(&text) else { return Vec::new() };
        let tickets = flight.tickets.clone();
        match output {
            Err(reason) => {
                self.joinable.remove(&flight.key);
                let name = self.model_names[model.0].clone();
                let fail = |ticket| {
                    self.counters.failed(model, &reason);
                    let request = self.remove(ticket)?;
                    Some((request, Err(InferError::Inference { model: name.clone(), reason: reason.clone() })))
                };
                tickets.into_iter().filter_map(fail).collect()
            }
            Ok(output) => {
                let Some(slot) = flight.key.models.iter().position(|&wanted| wanted == model) else {
                    return Vec::new();
                };
                flight.outputs[slot] = Some(output);
                if flight.outputs.iter().all(Option::is_some) {
                    self.joinable.remove(&flight.key);
                }
                tickets.into_iter().filter_map(|ticket| self.advance(ticket, model)).collect()
            }
        }
    }

    /// Counts one more output of a request; returns the request if it was the last.
    fn advance(&mut self, ticket: Ticket, model: ModelId) -> Option<Finished> {
        self.counters.done(model);
        let request = self.requests.get_mut(&ticket)?;
        request.missing -= 1;
        if request.missing > 0 {
            return None;
        }
        let request = self.requests.remove(&ticket)?;
        let answers = request.texts.iter().map(|text| self.answer(text)).collect();
        for text in &request.texts {
            self.leave(text.flight, ticket);
        }
        Some((request, Ok(answers)))
    }

    fn answer(&self, text: &RequestText) -> TextAnswer {
        let outputs = self.flights.get(&text.flight).map(|flight| flight.outputs.iter().flatten().cloned().collect());
        TextAnswer { outputs: outputs.unwrap_or_default(), truncated_by: text.truncated_by.clone() }
    }

    /// Takes a request out and frees its places in the queue.
    pub fn remove(&mut self, ticket: Ticket) -> Option<Request> {
        let request = self.requests.remove(&ticket)?;
        self.untokenized.retain(|&waiting| waiting != ticket);
        self.planner.release(request.input.texts.len() - request.texts.len());
        for text in &request.texts {
            if let Some(flight) = self.flights.get(&text.flight) {
                let unanswered = flight.outputs.iter().zip(&flight.key.models).filter(|(output, _)| output.is_none());
                unanswered.for_each(|(_, &model)| self.counters.cancelled(model));
            }
            self.leave(text.flight, ticket);
        }
        Some(request)
    }

    /// A request waits for a text no more; without anybody who does, the text leaves the queue.
    fn leave(&mut self, text: TextId, ticket: Ticket) {
        let Some(flight) = self.flights.get_mut(&text) else { return };
        if let Some(position) = flight.tickets.iter().position(|&waiting| waiting == ticket) {
            flight.tickets.swap_remove(position);
        }
        if flight.tickets.is_empty() {
            self.joinable.remove(&flight.key);
            self.planner.cancel(text);
            self.flights.remove(&text);
        }
    }

    pub fn stats(&self, now: Instant) -> EngineStats {
        self.counters.snapshot(&self.planner, now)
    }
}
