//! A dispatcher over models that are played by a few lines of Rust.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
};

use chorus_core::{head::ClassificationHead, planner::ModelId, spec::ScoreFunction};
use parking_lot::{Condvar, Mutex};

use crate::{
    dispatcher::{Dispatcher, DispatcherConfig, InferRequest, Reply, TextAnswer, Ticket, Timing},
    error::{BatchError, InferError},
    model::{Head, Model, ModelInfo, Precision, Runner, ThreadShare, TokenizerSet},
};

/// Answers each text with the logits `[length, 0]`; what else it does can be switched.
#[derive(Default)]
pub struct Played {
    pub batches: Mutex<Vec<usize>>,
    /// The threads that each batch had in the end.
    pub threads: Mutex<Vec<usize>>,
    pub runs: AtomicUsize,
    pub gate: Gate,
    pub fails: AtomicBool,
    pub panics: AtomicBool,
    pub gives_nan: AtomicBool,
}

/// Holds runs back until it is opened.
#[derive(Default)]
pub struct Gate {
    closed: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    pub fn close(&self) {
        *self.closed.lock() = true;
    }

    pub fn open(&self) {
        *self.closed.lock() = false;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut closed = self.closed.lock();
        while *closed {
            self.changed.wait(&mut closed);
        }
    }
}

struct PlayedRunner(Arc<Played>);

impl Runner for PlayedRunner {
    fn run(&self, texts: &[&[u32]], threads: &ThreadShare) -> Result<Vec<f32>, BatchError> {
        self.0.runs.fetch_add(1, Ordering::SeqCst);
        self.0.gate.pass();
        self.0.batches.lock().push(texts.len());
        self.0.threads.lock().push(threads.get());
        assert!(!self.0.panics.swap(false, Ordering::SeqCst), "asked to panic");
        if self.0.fails.load(Ordering::SeqCst) {
            return Err(BatchError::Runtime("asked to fail".to_owned()));
        }
        let nan = self.0.gives_nan.load(Ordering::SeqCst);
        Ok(texts.iter().flat_map(|text| [if nan { f32::NAN } else { text.len() as f32 }, 0.0]).collect())
    }

    fn width(&self) -> usize {
        2
    }

    fn computed_tokens(&self, texts: &[&[u32]]) -> usize {
        texts.iter().map(|text| text.len()).sum()
    }
}

pub struct Service {
    pub dispatcher: Dispatcher,
    pub models: Vec<Arc<Played>>,
    /// Where the replies to open requests go.
    waiting: Waiting,
    pub timings: Timings,
    pub next_ticket: u64,
}

type Waiting = Arc<Mutex<HashMap<Ticket, Sender<Answer>>>>;
type Timings = Arc<Mutex<HashMap<Ticket, Timing>>>;

pub type Answer = Result<Vec<TextAnswer>, InferError>;

impl Service {
    pub fn new(models: usize, lanes: usize, capacity: usize) -> Self {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../native/fixtures/distilbert");
        let tokenizers = Mutex::default();
        let tokenizer = TokenizerSet::load(&tokenizers, &fixture).unwrap();
        let played: Vec<Arc<Played>> = (0..models).map(|_| Arc::default()).collect();
        let model = |(index, played): (usize, &Arc<Played>)| Model {
            info: ModelInfo {
                precision: Precision::Exact,
                name: format!("model-{index}"),
                architecture: "played".to_owned(),
                labels: vec!["LONG".to_owned(), "SHORT".to_owned()],
                max_tokens: 16,
                parameters: 0,
                provider: "cpu",
            },
            tokenizer,
            head: Head::Classification(ClassificationHead {
                labels: vec!["LONG".to_owned(), "SHORT".to_owned()],
                function: ScoreFunction::Identity,
            }),
            runner: Box::new(PlayedRunner(Arc::clone(played))),
        };
        let config = DispatcherConfig { lanes, max_batch_tokens: 64, queue_capacity: capacity };
        let models = played.iter().enumerate().map(model).collect();
        let waiting = Waiting::default();
        let timings = Timings::default();
        let (senders, noted) = (Arc::clone(&waiting), Arc::clone(&timings));
        let replies = move |replies: Vec<Reply>| {
            for Reply { ticket, answer } in replies {
                let sender = senders.lock().remove(&ticket).expect("one reply to a request that was accepted");
                let texts = answer.map(|answer| {
                    noted.lock().insert(ticket, answer.timing);
                    answer.texts
                });
                sender.send(texts).expect("the test waits for the answer");
            }
        };
        let dispatcher = Dispatcher::start(models, tokenizers.into_inner(), config, Box::new(replies));
        Self { dispatcher, models: played, waiting, timings, next_ticket: 0 }
    }

    pub fn submit(&mut self, texts: &[&str]) -> (Ticket, Receiver<Answer>) {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let receiver = self.wait_for(ticket);
        let request = InferRequest {
            texts: texts.iter().map(|&text| text.to_owned()).collect(),
            models: (0..self.models.len()).map(ModelId).collect(),
            top: 1,
        };
        if let Err(refused) = self.dispatcher.submit(ticket, request) {
            let sender = self.waiting.lock().remove(&ticket).expect("a refused request gets no reply");
            sender.send(Err(refused)).unwrap();
        }
        (ticket, receiver)
    }

    pub fn wait_for(&self, ticket: Ticket) -> Receiver<Answer> {
        let (sender, receiver) = mpsc::channel();
        self.waiting.lock().insert(ticket, sender);
        receiver
    }

    /// Waits until so many texts wait for the first model.
    pub fn wait_for_queue(&self, texts: usize) {
        while self.dispatcher.stats().models[0].queued_texts < texts {
            std::thread::yield_now();
        }
    }

    /// Waits until so many requests have been tokenized, and thereby joined the texts that are on their way.
    pub fn wait_for_tokenized(&self, requests: u64) {
        while self.dispatcher.stats().tokenization_seconds.counts.iter().sum::<u64>() < requests {
            std::thread::yield_now();
        }
    }

    /// Waits until `model` has been asked to run `times` times.
    pub fn wait_for_runs(&self, model: usize, times: usize) {
        while self.models[model].runs.load(Ordering::SeqCst) < times {
            std::thread::yield_now();
        }
    }
}
