//! The asynchronous shell around `chorus_core::requests`: threads, the clock, and where replies go.
//!
//! One lock guards the requests; it is never held while a text is tokenized or a model runs. A panic under it gives the
//! engine up ([`Locked`]). Tokenizer threads
//! (`tokenizer`) make contents of texts; lanes (`lane`) take batches and run them; whoever ends requests replies to
//! them, all in one call. The loader (`loader`) brings models into memory and lets them go. Each thread is a
//! [`Worker`] under `supervise`: a panic fails what it had in hand, and the
//! thread goes on.

mod lane;
mod loader;
mod supervise;
#[cfg(test)]
mod tests;
mod tokenizer;

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use chorus_core::{
    planner::{Class, PlannerConfig},
    requests::{
        Demand, EngineStats, Footprint, Forecast, InferError, InferRequest, Reply, Requests, RequestsConfig, Served,
        Ticket,
    },
};
use parking_lot::{Condvar, Mutex, MutexGuard};

use self::{
    lane::Lane,
    loader::Loader,
    supervise::{Worker, supervise},
    tokenizer::Tokenizer,
};
use crate::{
    model::{Model, ThreadShare},
    tokenizer::TokenizerSet,
};

/// Tokenization takes a small part of a percent of a base-size model's time, so one thread serves many
/// lanes.
const LANES_PER_TOKENIZER_THREAD: usize = 8;
/// So that one endless word does not hold up everybody's texts.
const LEAST_TOKENIZER_THREADS: usize = 2;

/// Takes the replies to all requests that one batch has ended, or that were cancelled; called on any
/// thread and must not block.
pub type ReplySink = Box<dyn Fn(Vec<Reply>) + Send + Sync>;

/// What has become of a model that is loaded on demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelEvent {
    /// It had to go for another.
    Evicted {
        model: String,
    },
    /// It could not be loaded, and is not tried again for so long. `error` names files, and is for the log.
    Failed {
        model: String,
        error: String,
        retry_after: Duration,
    },
    Loaded {
        model: String,
        elapsed: Duration,
    },
}

/// As of [`ReplySink`].
pub type EventSink = Box<dyn Fn(ModelEvent) + Send + Sync>;

/// Whom a dispatcher tells.
pub struct Sinks {
    pub replies: ReplySink,
    pub events: EventSink,
}

impl From<ReplySink> for Sinks {
    /// Nobody is told of models.
    fn from(replies: ReplySink) -> Self {
        Self { replies, events: Box::new(drop) }
    }
}

type Clock = Box<dyn Fn() -> Instant + Send + Sync>;

#[derive(Clone, Copy, Debug)]
pub struct DispatcherConfig {
    pub lanes: usize,
    pub max_batch_tokens: usize,
    /// Texts accepted and not yet answered, at most.
    pub queue_capacity: usize,
    /// The longest wait that is let in; none: what deadlines and clients allow.
    pub max_wait: Option<Duration>,
    /// Bytes of memory for models; none: as many as they take.
    pub model_memory: Option<usize>,
}

struct Shared {
    models: Vec<Arc<Model>>,
    tokenizers: TokenizerSet,
    sinks: Sinks,
    clock: Clock,
    requests: Mutex<Requests>,
    /// What the requests left when they were changed last; none: nobody knows. Held for a copy alone.
    forecast: Mutex<Option<Forecast>>,
    /// For every running batch.
    threads: ThreadShare,
    /// Texts wait for a tokenizer thread.
    texts_waiting: Condvar,
    /// Batches wait for a lane.
    batches_waiting: Condvar,
    /// Something may be loaded.
    loads_waiting: Condvar,
    /// The last request of a draining dispatcher was answered.
    drained: Condvar,
    #[cfg(test)]
    faults: tests::Faults,
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
    pub fn start(models: Vec<Arc<Model>>, tokenizers: TokenizerSet, config: DispatcherConfig, sinks: Sinks) -> Self {
        let has_lazy = models.iter().any(|model| model.slot.is_lazy());
        let shared = Arc::new(Shared::new(models, tokenizers, config, sinks, Box::new(Instant::now)));
        let tokenizer_threads = config.lanes.div_ceil(LANES_PER_TOKENIZER_THREAD).max(LEAST_TOKENIZER_THREADS);
        let mut threads = Vec::new();
        for index in 0..tokenizer_threads {
            threads.push(spawn(format!("tokenizer-{index}"), &shared, Tokenizer::default()));
        }
        for index in 0..config.lanes {
            threads.push(spawn(format!("lane-{index}"), &shared, Lane::default()));
        }
        if has_lazy {
            threads.push(spawn("loader".to_owned(), &shared, Loader::default()));
        }
        Self { shared, threads: Mutex::new(threads) }
    }

    pub fn models(&self) -> &[Arc<Model>] {
        &self.shared.models
    }

    /// Now, as deadlines count it.
    pub fn now(&self) -> Instant {
        (self.shared.clock)()
    }

    /// Accepts a request, which will get one [`Reply`].
    ///
    /// # Errors
    /// Why it is refused; no reply will come.
    pub fn submit(&self, ticket: Ticket, request: InferRequest) -> Result<(), InferError> {
        self.shared.submit(ticket, request)
    }

    /// Why a request of one text would be refused that came `waited` ago. Waits for nobody.
    pub fn refusal(&self, class: Class, remaining: Option<Duration>, waited: Duration) -> Option<InferError> {
        self.shared.refusal(Demand { texts: 1, remaining, waited }, class, self.now())
    }

    /// Takes a request back: its texts leave the queue and the reply is [`InferError::Cancelled`].
    /// A request that is not open is ignored.
    pub fn cancel(&self, ticket: Ticket) {
        self.shared.cancel(ticket);
    }

    pub fn stats(&self) -> EngineStats {
        self.shared.requests().stats(self.now())
    }

    /// Refuses new requests, waits until all accepted ones are answered, and ends the threads.
    pub fn close(&self) {
        let mut requests = self.shared.requests();
        requests.drain();
        while !requests.is_drained() {
            self.shared.drained.wait(&mut requests.guard);
        }
        requests.close();
        drop(requests);
        self.shared.wake_all();
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

fn spawn(name: String, shared: &Arc<Shared>, worker: impl Worker + Send + 'static) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    let thread = thread::Builder::new().name(name).spawn(move || supervise(&shared, worker));
    thread.expect("the operating system has threads left at start-up")
}

/// The requests, locked. A panic meanwhile leaves them as nobody knows: they are trusted no more.
struct Locked<'a> {
    guard: MutexGuard<'a, Requests>,
    shared: &'a Shared,
    is_changed: bool,
}

impl Deref for Locked<'_> {
    type Target = Requests;

    fn deref(&self) -> &Requests {
        &self.guard
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Requests {
        self.is_changed = true;
        &mut self.guard
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.guard.distrust();
            *self.shared.forecast.lock() = None;
            self.shared.wake_all();
        } else if self.is_changed {
            *self.shared.forecast.lock() = Some(self.guard.forecast((self.shared.clock)()));
        }
    }
}

impl Shared {
    fn new(
        models: Vec<Arc<Model>>,
        tokenizers: TokenizerSet,
        config: DispatcherConfig,
        sinks: Sinks,
        clock: Clock,
    ) -> Self {
        let planner =
            PlannerConfig { lanes: config.lanes, max_batch_cost: config.max_batch_tokens, models: models.len() };
        let served = models.iter().map(|model| Served {
            name: model.info.name.clone(),
            max_cost: model.max_cost(),
            footprint: Footprint {
                bytes: model.info.bytes,
                load: model.info.load,
                is_loaded: model.slot.runner().is_some(),
            },
        });
        let served = served.collect();
        let DispatcherConfig { queue_capacity: capacity, max_wait, model_memory, .. } = config;
        let config = RequestsConfig { planner, capacity, max_wait, model_memory };
        Self {
            requests: Mutex::new(Requests::new(config, served, clock())),
            forecast: Mutex::new(None),
            models,
            tokenizers,
            sinks,
            clock,
            threads: ThreadShare::new(1),
            texts_waiting: Condvar::new(),
            batches_waiting: Condvar::new(),
            loads_waiting: Condvar::new(),
            drained: Condvar::new(),
            #[cfg(test)]
            faults: tests::Faults::default(),
        }
    }

    fn submit(&self, ticket: Ticket, request: InferRequest) -> Result<(), InferError> {
        let texts = request.texts.len();
        let now = (self.clock)();
        let remaining = request.deadline.map(|deadline| deadline.saturating_duration_since(now));
        if let Some(error) = self.refusal(Demand { texts, remaining, waited: Duration::ZERO }, request.class, now) {
            return Err(error);
        }
        let mut requests = self.requests();
        let reply = requests.accept(ticket, request, now)?;
        self.wake_loader(&requests);
        drop(requests);
        match texts {
            0 => self.reply(reply.into_iter().collect()),
            1 => {
                self.texts_waiting.notify_one();
            }
            _ => {
                self.texts_waiting.notify_all();
            }
        }
        Ok(())
    }

    fn cancel(&self, ticket: Ticket) {
        let now = (self.clock)();
        let mut requests = self.requests();
        let reply = requests.cancel(ticket, now);
        self.wake_loader(&requests);
        drop(requests);
        self.reply(reply.into_iter().collect());
    }

    /// Why a request would be refused, as far as can be told without the lock.
    fn refusal(&self, demand: Demand, class: Class, now: Instant) -> Option<InferError> {
        self.forecast.lock().and_then(|forecast| forecast.refusal(demand, class, now))
    }

    fn requests(&self) -> Locked<'_> {
        Locked { guard: self.requests.lock(), shared: self, is_changed: false }
    }

    fn wake_all(&self) {
        for condition in [&self.texts_waiting, &self.batches_waiting, &self.loads_waiting, &self.drained] {
            condition.notify_all();
        }
    }

    /// Releases the lock and wakes an idle lane, if a batch waits for it; a lane that takes one wakes the next.
    ///
    /// Why not all at once? Most would find nothing left to do, and have been woken in vain.
    fn wake_lane(&self, requests: Locked<'_>) {
        self.wake_loader(&requests);
        let batch_waits = requests.has_work();
        drop(requests);
        if batch_waits {
            self.batches_waiting.notify_one();
        }
    }

    /// Wakes the loader, if there may be something for it.
    fn wake_loader(&self, requests: &Locked<'_>) {
        if requests.has_load() {
            self.loads_waiting.notify_one();
        }
    }

    /// Delivers replies, and tells a closing dispatcher that requests have ended.
    fn reply(&self, replies: Vec<Reply>) {
        if !replies.is_empty() {
            (self.sinks.replies)(replies);
        }
        self.drained.notify_all();
    }
}
