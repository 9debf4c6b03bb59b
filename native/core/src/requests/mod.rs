//! Accepted requests, from admission to their one answer.
//!
//! A state machine without clock or thread, around the planner: requests come in by `accept`, texts go out to be
//! prepared by `next_text` and come back by `prepared`, work goes out by `begin` and comes back by `finish`. Whatever
//! ends requests returns their replies. Its promises, which a property test tries to break:
//!
//! - Every accepted request gets exactly one [`Reply`].
//! - Places in the queue are taken by acceptance and given back by the reply, however it comes about.
//! - Nothing is computed that nobody waits for when its batch begins, and no content twice at the same time.
//! - Every text that a model was asked about is counted once: done, failed or cancelled.
//! - Nothing is begun for a request whose deadline has passed, nor on a model that is not in memory.
//!
//! Texts are prepared request by request in turns, and wait in the planner each as soon as it is prepared.
//!
//! Replies are kept in here until the call that makes them returns, so that none is lost should it panic; whoever sees
//! it panic says so by `distrust`.
//!
//! - `message`: what comes in and goes out
//! - `open`: an accepted request
//! - `admission`: who is let in
//! - `forecast`: who would be
//! - `pace`: how fast work is done
//! - `patience`: how long clients wait
//! - `flights`: what several requests wait for
//! - `ending`: how a request comes to its one reply
//! - `residency`: which models are in memory; `loads`: what waits for the others
//! - `counters`: what can be counted
//! - `failure`: what can go wrong

mod admission;
mod counters;
mod ending;
mod failure;
mod flights;
mod forecast;
mod loads;
mod message;
mod open;
mod pace;
mod patience;
mod residency;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    mem,
    time::{Duration, Instant},
};

use self::{
    admission::Admission,
    counters::Counters,
    flights::Flights,
    open::{Piece, PreparedText, Request, RequestId},
    pace::Pace,
    residency::Residency,
};
pub use self::{
    admission::Demand,
    counters::{EngineStats, Histogram, Loads, ModelStats},
    failure::{BatchError, InferError},
    flights::FlightId,
    forecast::Forecast,
    message::{Answer, InferRequest, Outcome, Part, Reply, TextJob, TextRequest, Ticket, Timing, Work},
    residency::{Footprint, LoadJob, LoadTime, NoRoom, check_room},
};
use crate::planner::{Class, Flow, Item, ModelId, Planner, PlannerConfig};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Closed,
    Draining,
    Running,
}

#[derive(Clone, Copy, Debug)]
pub struct RequestsConfig {
    pub planner: PlannerConfig,
    /// Texts that are accepted and not yet answered, at most.
    pub capacity: usize,
    /// The longest wait that is let in; none: what deadlines and clients allow.
    pub max_wait: Option<Duration>,
    /// Bytes that models may take; none: any.
    pub model_memory: Option<usize>,
}

/// A model, as far as it is known here.
#[derive(Clone, Debug)]
pub struct Served {
    pub name: String,
    /// What one text costs it, at most.
    pub max_cost: usize,
    pub footprint: Footprint,
}

pub struct Requests {
    planner: Planner,
    admission: Admission,
    counters: Counters,
    phase: Phase,
    broken: bool,
    open: HashMap<RequestId, Request>,
    by_ticket: HashMap<Ticket, RequestId>,
    /// Requests with texts that have not gone out; those that have ended meanwhile are skipped.
    unprepared: VecDeque<RequestId>,
    deadlines: BTreeSet<(Instant, RequestId)>,
    flights: Flights,
    residency: Residency,
    /// By model, the requests with pieces that are held until it is loaded.
    waiting: Vec<BTreeSet<RequestId>>,
    /// Pieces that are held.
    held: usize,
    /// Something has happened that may let a model be loaded.
    may_load: bool,
    pace: Pace,
    /// Of texts that are accepted and not prepared, as it was estimated: seconds of a lane.
    unprepared_work: f64,
    lanes: usize,
    /// With less than this waiting, batches run that could be larger.
    full_enough: usize,
    models: Vec<Served>,
    next: RequestId,
    /// Those of the call that goes on.
    replies: Vec<Reply>,
}

impl Requests {
    /// `models`: by their index.
    pub fn new(config: RequestsConfig, models: Vec<Served>, now: Instant) -> Self {
        let PlannerConfig { lanes, max_batch_cost, .. } = config.planner;
        Self {
            planner: Planner::new(config.planner),
            admission: Admission::new(config.capacity, config.max_wait),
            counters: Counters::new(lanes, config.capacity, models.iter().map(|model| &model.name[..]), now),
            phase: Phase::Running,
            broken: false,
            open: HashMap::new(),
            by_ticket: HashMap::new(),
            unprepared: VecDeque::new(),
            deadlines: BTreeSet::new(),
            flights: Flights::default(),
            residency: Residency::new(models.iter().map(|model| model.footprint), config.model_memory),
            waiting: vec![BTreeSet::new(); models.len()],
            held: 0,
            may_load: false,
            pace: Pace::new(models.iter().map(|model| model.max_cost)),
            unprepared_work: 0.0,
            lanes,
            full_enough: max_batch_cost / 2,
            models,
            next: 0,
            replies: Vec::new(),
        }
    }

    /// Takes a request in; one reply will come, now if it has no texts.
    ///
    /// # Errors
    /// Why it is refused, and no reply will come.
    pub fn accept(&mut self, ticket: Ticket, request: InferRequest, now: Instant) -> Result<Option<Reply>, InferError> {
        if self.broken {
            return Err(InferError::Broken);
        }
        if self.phase != Phase::Running {
            return Err(InferError::Draining);
        }
        let InferRequest { texts, deadline, class } = request;
        let paused = |&model: &ModelId| self.residency.pause(model, now).map(|pause| (model, pause));
        if let Some((model, retry_after)) = texts.iter().flat_map(|text| &*text.models).find_map(paused) {
            return Err(self.failure(model, &BatchError::NotLoaded { retry_after }));
        }
        let work = texts.iter().map(|TextRequest { text, models }| self.pace.work_of_text(text.len(), models)).sum();
        let remaining = deadline.map(|deadline| deadline.saturating_duration_since(now));
        let demand = Demand { texts: texts.len(), remaining, waited: Duration::ZERO };
        self.admission.admit(demand, self.outlook(class, work, now), now)?;
        if texts.is_empty() {
            return Ok(Some(Reply { ticket, answer: Ok(Answer::default()) }));
        }
        if self.is_idle() {
            self.counters.woke(now);
        }
        for &model in texts.iter().flat_map(|text| &*text.models) {
            self.counters.asked(model);
            self.residency.ask(model);
        }
        self.may_load = true;
        let id = self.next;
        self.next += 1;
        self.by_ticket.insert(ticket, id);
        self.deadlines.extend(deadline.map(|deadline| (deadline, id)));
        self.unprepared.push_back(id);
        self.unprepared_work += work;
        let request = Request {
            ticket,
            prepared: texts.iter().map(|_| None).collect(),
            next: 0,
            unprepared: texts.len(),
            unprepared_work: work,
            missing: texts.iter().map(|text| text.models.len()).sum(),
            begun: 0,
            texts,
            flow: Flow::default(),
            class,
            deadline,
            accepted: now,
            tokenized: now,
        };
        self.open.insert(id, request);
        Ok(None)
    }

    /// The next text to prepare: of each request one in turn.
    pub fn next_text(&mut self) -> Option<TextJob> {
        loop {
            let id = self.unprepared.pop_front()?;
            let Some(request) = self.open.get_mut(&id) else { continue };
            let index = request.next;
            request.next += 1;
            if request.next < request.texts.len() {
                self.unprepared.push_back(id);
            }
            let TextRequest { text, models } = request.texts[index].clone();
            return Some(TextJob { request: id, index, text, models });
        }
    }

    /// Whether `next_text` may give one.
    pub fn has_text(&self) -> bool {
        !self.unprepared.is_empty()
    }

    /// A text has been prepared, in `elapsed`: it waits from now on. `parts` has one entry for each of its models, in
    /// their order. Returns the reply if all of it was known already, or one of its models cannot be loaded.
    pub fn prepared(&mut self, job: &TextJob, parts: Vec<Part>, elapsed: Duration, now: Instant) -> Option<Reply> {
        self.counters.prepared(&parts, elapsed);
        for part in &parts {
            self.pace.read(part.model, job.text.len(), part.cost, now);
        }
        let request = self.open.get_mut(&job.request)?;
        let share = request.unprepared_work / request.unprepared as f64;
        request.unprepared_work -= share;
        self.unprepared_work -= share;
        request.unprepared -= 1;
        if request.unprepared == 0 {
            request.tokenized = now;
        }
        let paused = |part: &Part| self.residency.pause(part.model, now).map(|pause| (part.model, pause));
        if let Some((model, retry_after)) = parts.iter().find_map(paused) {
            return self.unpreparable(job, model, &BatchError::NotLoaded { retry_after });
        }
        let truncated = parts.iter().filter(|part| part.truncated).map(|part| part.model).collect();
        let (flights, held) = (vec![None; parts.len()], Vec::new());
        request.prepared[job.index] = Some(PreparedText { flights, held, truncated });
        let piece = |(place, Part { model, content, cost, .. })| Piece { place, item: Item { model, cost }, content };
        self.line_up(job.request, job.index, parts.into_iter().enumerate().map(piece).collect(), now)
    }

    /// A text could not be prepared for one of its models: its request fails.
    pub fn unpreparable(&mut self, job: &TextJob, model: ModelId, reason: &BatchError) -> Option<Reply> {
        let request = self
            .remove(job.request, |index, asked| (index == job.index && asked.model == model).then(|| reason.clone()))?;
        Some(Reply { ticket: request.ticket, answer: Err(self.failure(model, reason)) })
    }

    /// Work for a free lane, if there is any.
    pub fn begin(&mut self, now: Instant) -> Option<Work> {
        let batch = self.planner.poll_batch(now)?;
        self.pace.began(&batch, self.planner.threads_per_batch(), now);
        let begin = |&text| {
            let id = (text, batch.model);
            let flight = self.flights.get_mut(id)?;
            flight.started.get_or_insert(now);
            Some((id, flight.content.clone()))
        };
        let flights = batch.texts.iter().filter_map(begin).collect();
        Some(Work { batch, flights })
    }

    /// Whether `begin` would give work.
    pub fn has_work(&self) -> bool {
        self.planner.has_batch()
    }

    /// Threads for each batch that runs.
    pub fn threads_per_batch(&self) -> usize {
        self.planner.threads_per_batch()
    }

    /// Enters how a batch went; returns the replies to the requests that it completes or fails.
    pub fn finish(&mut self, work: &Work, outcome: Outcome, now: Instant) -> Vec<Reply> {
        let Outcome { outputs, computed, elapsed } = outcome;
        self.may_load = true;
        self.planner.finish(work.batch.id);
        self.pace.ended(&work.batch, elapsed, now);
        self.counters.batch(&work.batch, work.flights.len(), computed, elapsed, now);
        let none = || Err(BatchError::Runtime("it gave no output for a text".to_owned()));
        let mut outputs = outputs.into_iter();
        for &(flight, _) in &work.flights {
            self.land(flight, outputs.next().unwrap_or_else(none), now);
        }
        mem::take(&mut self.replies)
    }

    /// A batch came to nothing: its lane is free again and what it was about fails.
    pub fn fail(&mut self, work: &Work, reason: &BatchError, now: Instant) -> Vec<Reply> {
        let outputs = work.flights.iter().map(|_| Err(reason.clone())).collect();
        self.finish(work, Outcome { outputs, computed: 0, elapsed: Duration::ZERO }, now)
    }

    /// Accepts nothing more; what was accepted goes on.
    pub fn drain(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Draining;
        }
    }

    /// A call has panicked, and what it left behind is nobody's guess: nothing more is accepted or begun, and the next
    /// call of `expire` or `abandon` ends what is open.
    pub fn distrust(&mut self) {
        self.broken = true;
    }

    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Threads are to end.
    pub fn close(&mut self) {
        self.phase = Phase::Closed;
    }

    /// Whether threads are to end: there will be nothing more to do.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed || self.broken
    }

    /// Whether every request has been answered and no batch runs; or nothing can be trusted any more, and whoever finds
    /// that answers who waits, as well as can be.
    pub fn is_drained(&self) -> bool {
        self.broken || (self.open.is_empty() && !self.planner.is_running())
    }

    pub fn stats(&self, now: Instant) -> EngineStats {
        let mut stats = self.counters.snapshot(self.is_idle(), now);
        for (index, model) in stats.models.iter_mut().enumerate() {
            let id = ModelId(index);
            let backlog = self.planner.backlog(id);
            (model.queued_texts, model.queued_tokens) = (backlog.texts, backlog.cost);
            (model.is_loaded, model.bytes) = (self.residency.is_loaded(id), self.residency.bytes(id));
        }
        (stats.pending_texts, stats.broken) = (self.admission.open(), self.broken);
        stats.model_memory = self.residency.used_bytes();
        stats.model_memory_limit = self.residency.budget();
        stats.expected_wait = self.outlook(Class::Interactive, 0.0, now).wait;
        stats.wait_limit = self.admission.wait_limit(now);
        stats
    }

    /// A thread's step has panicked.
    pub fn panicked(&mut self) {
        self.counters.panicked();
    }

    /// Whether there is nothing to do but to wait for models to be loaded.
    fn is_idle(&self) -> bool {
        let outstanding: u64 = (0..self.models.len()).map(|index| self.counters.outstanding(ModelId(index))).sum();
        outstanding == self.held as u64 && !self.planner.is_running()
    }
}
