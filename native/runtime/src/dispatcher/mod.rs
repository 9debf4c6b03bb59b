//! The asynchronous shell around the planner: threads, requests, answers.
//!
//! One lock guards the planner and the open requests (`state`); it is never held while a text is
//! tokenized or a model runs. Tokenizer threads (`intake`) turn texts into ids and enqueue them;
//! lanes (`lane`) take batches and run them; whoever completes requests replies to them, all in one call.

mod intake;
mod lane;
mod state;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chorus_core::planner::{ModelId, PlannerConfig};
use parking_lot::{Condvar, Mutex, MutexGuard};

use self::state::{Phase, State};
use crate::{
    error::InferError,
    model::{Model, Output, ThreadShare, TokenizerSet},
    stats::EngineStats,
};

/// Tokenization takes a small part of a percent of a base-size model's time, so one thread serves many
/// lanes.
const LANES_PER_TOKENIZER_THREAD: usize = 8;
/// So that one endless word does not hold up everybody's texts.
const LEAST_TOKENIZER_THREADS: usize = 2;

/// A request's name, chosen by the caller; unique among open requests.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Ticket(pub u64);

/// Texts to be answered by models.
#[derive(Clone, Debug)]
pub struct InferRequest {
    pub texts: Vec<String>,
    /// Every text is answered by each of these; at least one.
    pub models: Vec<ModelId>,
    /// Labels per classifier, best first, at most.
    pub top: usize,
}

/// The answers to one text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextAnswer {
    /// In the order of `InferRequest::models`.
    pub outputs: Vec<Output>,
    /// Models that read only the beginning of the text.
    pub truncated_by: Vec<ModelId>,
}

/// The answer to a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// One entry per text, in order.
    pub texts: Vec<TextAnswer>,
    pub timing: Timing,
}

/// Where a request's time went in the engine; the parts follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From `submit` until all texts were ids, waiting for a tokenizer thread included.
    pub tokenization: Duration,
    /// Until the first batch with one of its texts began.
    pub queue: Duration,
    /// Until the last batch with one of its texts ended.
    pub inference: Duration,
}

/// How an accepted request ended; each gets exactly one.
#[derive(Debug)]
pub struct Reply {
    pub ticket: Ticket,
    pub answer: Result<Answer, InferError>,
}

/// Takes the replies to all requests that one batch has ended, or that were cancelled; called on any
/// thread and must not block.
pub type ReplySink = Box<dyn Fn(Vec<Reply>) + Send + Sync>;

#[derive(Clone, Copy, Debug)]
pub struct DispatcherConfig {
    pub lanes: usize,
    pub max_batch_tokens: usize,
    /// Texts accepted and not yet answered, at most.
    pub queue_capacity: usize,
}

struct Shared {
    models: Vec<Model>,
    tokenizers: TokenizerSet,
    replies: ReplySink,
    state: Mutex<State>,
    /// For every running batch.
    threads: ThreadShare,
    /// Texts wait for a tokenizer thread.
    texts_waiting: Condvar,
    /// Batches wait for a lane.
    batches_waiting: Condvar,
    /// The last request of a draining dispatcher was answered.
    drained: Condvar,
}

/// Owns the loaded models and the threads that run them.
pub struct Dispatcher {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Dispatcher {
    /// Starts the threads.
    ///
    /// # Panics
    /// If the operating system refuses a thread.
    pub fn start(models: Vec<Model>, tokenizers: TokenizerSet, config: DispatcherConfig, replies: ReplySink) -> Self {
        let planner = PlannerConfig {
            lanes: config.lanes,
            max_batch_tokens: config.max_batch_tokens,
            capacity: config.queue_capacity,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(planner, &models, Instant::now())),
            models,
            tokenizers,
            replies,
            threads: ThreadShare::new(1),
            texts_waiting: Condvar::new(),
            batches_waiting: Condvar::new(),
            drained: Condvar::new(),
        });
        let spawn = |name: String, run: fn(&Shared)| {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name(name).spawn(move || run(&shared));
            thread.expect("the operating system has threads left at start-up")
        };
        let tokenizer_threads = config.lanes.div_ceil(LANES_PER_TOKENIZER_THREAD).max(LEAST_TOKENIZER_THREADS);
        let tokenizers = (0..tokenizer_threads).map(|index| spawn(format!("tokenizer-{index}"), intake::serve));
        let lanes = (0..config.lanes).map(|index| spawn(format!("lane-{index}"), lane::serve));
        let threads = tokenizers.chain(lanes).collect();
        Self { shared, threads: Mutex::new(threads) }
    }

    pub fn models(&self) -> &[Model] {
        &self.shared.models
    }

    /// Accepts a request, which will get one [`Reply`].
    ///
    /// # Errors
    /// [`InferError::QueueFull`] or [`InferError::Draining`]: refused, and no reply will come.
    pub fn submit(&self, ticket: Ticket, request: InferRequest) -> Result<(), InferError> {
        let mut state = self.shared.state.lock();
        match state.phase {
            Phase::Running => state.planner.reserve(request.texts.len())?,
            Phase::Closed | Phase::Draining => return Err(InferError::Draining),
        }
        if request.texts.is_empty() {
            drop(state);
            self.shared.reply(vec![Reply { ticket, answer: Ok(Answer::default()) }]);
        } else {
            state.add(ticket, request, Instant::now());
            drop(state);
            self.shared.texts_waiting.notify_one();
        }
        Ok(())
    }

    /// Takes a request back: its texts leave the queue and the reply is [`InferError::Cancelled`].
    /// A request that is not open is ignored.
    pub fn cancel(&self, ticket: Ticket) {
        let removed = self.shared.state.lock().remove(ticket);
        if removed {
            self.shared.reply(vec![Reply { ticket, answer: Err(InferError::Cancelled) }]);
        }
    }

    pub fn stats(&self) -> EngineStats {
        self.shared.state.lock().stats(Instant::now())
    }

    /// Refuses new requests, waits until all accepted ones are answered, and ends the threads.
    pub fn close(&self) {
        let mut state = self.shared.state.lock();
        if state.phase == Phase::Running {
            state.phase = Phase::Draining;
        }
        while !state.is_empty() {
            self.shared.drained.wait(&mut state);
        }
        state.phase = Phase::Closed;
        drop(state);
        self.shared.texts_waiting.notify_all();
        self.shared.batches_waiting.notify_all();
        for thread in self.threads.lock().drain(..) {
            // A thread catches its panics; should one end by panic all the same, there is nothing left to save.
            let _ = thread.join();
        }
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Releases the lock and wakes an idle lane, if a batch waits for it; a lane that takes one wakes the next.
    ///
    /// Why not all at once? Most would find nothing left to do, and have been woken in vain.
    fn wake_lane(&self, state: MutexGuard<'_, State>) {
        let batch_waits = state.planner.has_batch();
        drop(state);
        if batch_waits {
            self.batches_waiting.notify_one();
        }
    }

    /// Replies to requests that have left the state, and tells a closing dispatcher so.
    fn reply(&self, replies: Vec<Reply>) {
        if !replies.is_empty() {
            (self.replies)(replies);
        }
        self.drained.notify_all();
    }
}
