//! What the dispatcher's lock guards: the planner, the open requests and the counters.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::Arc,
    time::Instant,
};

use chorus_core::planner::{Batch, Item, ModelId, Planner, PlannerConfig, TextId};

use super::{Answer, InferRequest, Reply, TextAnswer, Ticket, Timing};
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

/// The content ids of one text by tokenizer index, in its order; only the tokenizers that its models need.
pub type TextIds = Vec<(usize, Arc<[u32]>)>;

/// What tokenization found out about a text.
pub struct Tokenized {
    pub ids: TextIds,
    /// One entry per requested model.
    pub items: Vec<Item>,
    pub truncated_by: Vec<ModelId>,
}

/// An accepted request and how much of its answer is still to come.
struct Request {
    input: Arc<InferRequest>,
    /// One per text, as soon as it is tokenized.
    texts: Vec<RequestText>,
    /// Outputs still to come.
    missing: usize,
    accepted: Instant,
    tokenized: Instant,
}

struct RequestText {
    flight: TextId,
    truncated_by: Vec<ModelId>,
}

impl Request {
    fn new(input: InferRequest, now: Instant) -> Self {
        let missing = input.texts.len() * input.models.len();
        let texts = Vec::with_capacity(input.texts.len());
        Self { texts, input: Arc::new(input), missing, accepted: now, tokenized: now }
    }
}

/// What makes two texts one computation: the same ids for the same models, answered alike.
#[derive(Clone, PartialEq, Eq, Hash)]
struct FlightKey {
    ids: TextIds,
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
    /// When its first batch began.
    started: Option<Instant>,
}

/// A text of a batch, for as long as anybody waits for it.
pub struct BatchText {
    pub id: TextId,
    /// Its content ids.
    pub ids: Arc<[u32]>,
    /// The labels per classifier that are wanted of it.
    pub top: usize,
}

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

    pub fn add(&mut self, ticket: Ticket, request: InferRequest, now: Instant) {
        if self.is_empty() {
            self.counters.woke(now);
        }
        self.untokenized.push_back(ticket);
        self.requests.insert(ticket, Request::new(request, now));
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
        request.tokenized = now;
        for text in tokenized {
            self.counters.tokenized(&text.items, !text.truncated_by.is_empty());
            let key = FlightKey { ids: text.ids, models: request.input.models.clone(), top: request.input.top };
            let flight = match self.joinable.entry(key) {
                Entry::Occupied(joined) => {
                    let id = *joined.get();
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
                }
                Entry::Vacant(first) => {
                    let key = first.key().clone();
                    let outputs = vec![None; text.items.len()];
                    let id = *first.insert(self.planner.enqueue(text.items, now));
                    self.flights.insert(id, Flight { key, tickets: vec![ticket], outputs, started: None });
                    id
                }
            };
            request.texts.push(RequestText { flight, truncated_by: text.truncated_by });
        }
    }

    /// Begins a batch: gives those of its texts that are still wanted, as `tokenizer` has cut them.
    pub fn begin(&mut self, batch: &Batch, tokenizer: usize, now: Instant) -> Vec<BatchText> {
        let begin = |&id: &TextId| {
            let flight = self.flights.get_mut(&id)?;
            flight.started.get_or_insert(now);
            let (_, ids) = flight.key.ids.iter().find(|(index, _)| *index == tokenizer)?;
            Some(BatchText { id, ids: Arc::clone(ids), top: flight.key.top })
        };
        batch.texts.iter().filter_map(begin).collect()
    }

    /// Enters a text's output; returns the replies to the requests that it completes or fails.
    pub fn complete(
        &mut self,
        text: TextId,
        model: ModelId,
        output: Result<Output, BatchError>,
        now: Instant,
    ) -> Vec<Reply> {
        let Some(flight) = self.flights.get_mut(&text) else { return Vec::new() };
        let tickets = flight.tickets.clone();
        match output {
            Err(reason) => {
                self.joinable.remove(&flight.key);
                let name = self.model_names[model.0].clone();
                let fail = |ticket| {
                    self.counters.failed(model, &reason);
                    let answer = Err(InferError::Inference { model: name.clone(), reason: reason.clone() });
                    self.remove(ticket).then_some(Reply { ticket, answer })
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
                tickets.into_iter().filter_map(|ticket| self.advance(ticket, model, now)).collect()
            }
        }
    }

    /// Counts one more output of a request; returns the reply if it was the last.
    fn advance(&mut self, ticket: Ticket, model: ModelId, now: Instant) -> Option<Reply> {
        self.counters.done(model);
        let request = self.requests.get_mut(&ticket)?;
        request.missing -= 1;
        if request.missing > 0 {
            return None;
        }
        let request = self.requests.remove(&ticket)?;
        let texts = request.texts.iter().map(|text| self.answer(text)).collect();
        let timing = self.timing(&request, now);
        for text in &request.texts {
            self.leave(text.flight, ticket);
        }
        Some(Reply { ticket, answer: Ok(Answer { texts, timing }) })
    }

    /// Where the time of a request went that ends now. A text that was on its way already has not waited.
    fn timing(&self, request: &Request, now: Instant) -> Timing {
        let started = request.texts.iter().filter_map(|text| self.flights.get(&text.flight)?.started).min();
        let started = started.unwrap_or(now).max(request.tokenized);
        Timing {
            tokenization: request.tokenized - request.accepted,
            queue: started - request.tokenized,
            inference: now - started,
        }
    }

    fn answer(&self, text: &RequestText) -> TextAnswer {
        let outputs = self.flights.get(&text.flight).map(|flight| flight.outputs.iter().flatten().cloned().collect());
        TextAnswer { outputs: outputs.unwrap_or_default(), truncated_by: text.truncated_by.clone() }
    }

    /// Takes a request out and frees its places in the queue; false if it was not open.
    pub fn remove(&mut self, ticket: Ticket) -> bool {
        let Some(request) = self.requests.remove(&ticket) else { return false };
        self.untokenized.retain(|&waiting| waiting != ticket);
        self.planner.release(request.input.texts.len() - request.texts.len());
        for text in &request.texts {
            if let Some(flight) = self.flights.get(&text.flight) {
                let unanswered = flight.outputs.iter().zip(&flight.key.models).filter(|(output, _)| output.is_none());
                unanswered.for_each(|(_, &model)| self.counters.cancelled(model));
            }
            self.leave(text.flight, ticket);
        }
        true
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
