//! Models that are played by a few lines of Rust, and what keeps a test's threads in step.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chorus_core::{
    head::ClassificationHead,
    requests::{Answer, BatchError, InferError, LoadTime, Reply, Ticket},
    spec::ScoreFunction,
};
use parking_lot::{Condvar, Mutex};

use crate::{
    checkpoint::Usage,
    dispatcher::ReplySink,
    model::{Batch, Head, Model, ModelInfo, Precision, Reader, Runner, Slot, ThreadShare},
    tokenizer::{Folder, TokenizerSet},
};

/// No test waits longer than this for what must happen.
const LIMIT: Duration = Duration::from_secs(30);
/// What the played models read of a text, special tokens included.
pub const MAX_TOKENS: usize = 16;

/// A value that tests wait for.
#[derive(Default)]
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut self.value.lock());
        self.changed.notify_all();
        result
    }

    /// Waits until `look` finds something.
    ///
    /// # Panics
    /// If that takes longer than [`LIMIT`].
    pub fn wait<R>(&self, mut look: impl FnMut(&mut T) -> Option<R>) -> R {
        let mut value = self.value.lock();
        loop {
            if let Some(found) = look(&mut value) {
                return found;
            }
            assert!(!self.changed.wait_for(&mut value, LIMIT).timed_out(), "what must happen has not");
        }
    }
}

/// A clock that goes when it is told to.
#[derive(Clone)]
pub struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub fn now(&self) -> Instant {
        *self.0.lock()
    }

    pub fn advance(&self, by: Duration) {
        *self.0.lock() += by;
    }
}

/// The steps of a worker at which it can be made to panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Under the lock, with what is to be in hand.
    Taking,
    /// Something is in hand.
    Taken,
    /// What comes of it is known.
    Ran,
    /// Under the lock, with replies that have not been delivered.
    Entering,
    /// That has been entered, and replies have not been delivered.
    Entered,
    /// It ends what was in hand when it panicked.
    Rescue,
}

/// Where the next worker that passes panics, once each.
#[derive(Default)]
pub struct Faults(Mutex<Vec<Place>>);

impl Faults {
    pub fn arm(&self, places: &[Place]) {
        self.0.lock().extend(places);
    }

    pub fn pass(&self, place: Place) {
        let mut armed = self.0.lock();
        if let Some(index) = armed.iter().position(|&other| other == place) {
            armed.remove(index);
            drop(armed);
            panic!("asked to panic: {place:?}");
        }
    }
}

/// Answers each text with the logits `[length, 0]`: its tokens, or the bytes of a text that is read as it is. What
/// else it does can be switched.
#[derive(Default)]
pub struct Played {
    /// Texts in each of its batches, noted as they begin.
    pub batches: Watched<Vec<usize>>,
    /// The threads that each batch had in the end.
    pub threads: Mutex<Vec<usize>>,
    /// Runs wait while it is closed.
    pub gate: Watched<Gate>,
    pub fails: AtomicBool,
    pub panics: AtomicBool,
    pub gives_nan: AtomicBool,
    /// What a run does to the clock.
    pub takes: Mutex<Option<(Clock, Duration)>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    Closed,
    #[default]
    Open,
}

pub struct PlayedRunner(pub Arc<Played>);

impl Runner for PlayedRunner {
    fn run(&self, batch: &Batch, threads: &ThreadShare) -> Result<Vec<f32>, BatchError> {
        let Self(played) = self;
        played.batches.change(|batches| batches.push(batch.len()));
        played.gate.wait(|&mut gate| (gate == Gate::Open).then_some(()));
        played.threads.lock().push(threads.get());
        if let Some((clock, takes)) = &*played.takes.lock() {
            clock.advance(*takes);
        }
        assert!(!played.panics.swap(false, Ordering::SeqCst), "asked to panic");
        if played.fails.load(Ordering::SeqCst) {
            return Err(BatchError::Runtime("asked to fail".to_owned()));
        }
        let lengths: Vec<usize> = match batch {
            Batch::Texts(texts) => texts.iter().map(|text| text.len()).collect(),
            Batch::Tokens(texts) => texts.iter().map(|text| text.len()).collect(),
        };
        let nan = played.gives_nan.load(Ordering::SeqCst);
        Ok(lengths.into_iter().flat_map(|length| [if nan { f32::NAN } else { length as f32 }, 0.0]).collect())
    }

    fn width(&self) -> usize {
        2
    }
}

/// Models that read tokens, and their tokenizer.
pub fn models(played: &[Arc<Played>]) -> (Vec<Arc<Model>>, TokenizerSet) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/distilbert");
    let tokenizers = Mutex::default();
    let folder = Folder::open(&fixture).expect("a fixture");
    let tokenizer = TokenizerSet::load(&tokenizers, &folder).expect("a fixture");
    let reader = Reader::Tokens { tokenizer, max_content: MAX_TOKENS - 2, rows: None };
    let models = played.iter().enumerate().map(|(index, played)| model(index, reader, played)).collect();
    (models, tokenizers.into_inner())
}

pub fn model(index: usize, reader: Reader, played: &Arc<Played>) -> Arc<Model> {
    let labels = vec!["LONG".to_owned(), "SHORT".to_owned()];
    Arc::new(Model {
        info: ModelInfo {
            precision: Precision::Exact,
            name: format!("model-{index}"),
            architecture: "played".to_owned(),
            labels: labels.clone(),
            max_tokens: MAX_TOKENS,
            parameters: 0,
            provider: "cpu",
            digest: String::new(),
            space: String::new(),
            width: 2,
            bytes: 0,
            load: LoadTime::Eager,
            usage: Usage::default(),
        },
        reader,
        head: Head::Classification(ClassificationHead { labels, function: ScoreFunction::Identity }),
        slot: Slot::eager(Arc::new(PlayedRunner(Arc::clone(played)))),
    })
}

/// Where replies go.
#[derive(Clone, Default)]
pub struct Replies(Arc<Watched<HashMap<Ticket, Result<Answer, InferError>>>>);

impl Replies {
    pub fn sink(&self) -> ReplySink {
        let Self(replies) = self.clone();
        Box::new(move |batch| {
            for Reply { ticket, answer } in batch {
                let other = replies.change(|replies| replies.insert(ticket, answer));
                assert!(other.is_none(), "one reply to a request");
            }
        })
    }

    /// The reply that has come.
    pub fn get(&self, ticket: Ticket) -> Option<Result<Answer, InferError>> {
        self.0.change(|replies| replies.get(&ticket).cloned())
    }

    pub fn wait(&self, ticket: Ticket) -> Result<Answer, InferError> {
        self.0.wait(|replies| replies.get(&ticket).cloned())
    }
}
