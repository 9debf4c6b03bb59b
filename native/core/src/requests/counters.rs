//! Counters of the engine and their snapshot.
//!
//! Plain numbers; names and units follow the metrics they become.

use std::time::{Duration, Instant};

use super::{BatchError, Part};
use crate::planner::{Batch, CloseReason, ModelId};

const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 15.0, 20.0,
    30.0, 60.0,
];
const TOKENIZATION_SECONDS: &[f64] =
    &[0.000_05, 0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];
const TOKENS: &[f64] = &[4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 8192.0];
const LOAD_SECONDS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
const TEXTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Observations in buckets: `counts[i]` lie in `(upper_bounds[i - 1], upper_bounds[i]]`, the last
/// count above all bounds.
#[derive(Clone, Debug)]
pub struct Histogram {
    pub upper_bounds: &'static [f64],
    pub counts: Vec<u64>,
    pub sum: f64,
}

impl Histogram {
    fn new(upper_bounds: &'static [f64]) -> Self {
        Self { upper_bounds, counts: vec![0; upper_bounds.len() + 1], sum: 0.0 }
    }

    fn observe(&mut self, value: f64) {
        let bucket = self.upper_bounds.partition_point(|&bound| bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }
}

/// Figures of one model. Durations are seconds.
#[derive(Clone, Debug)]
pub struct ModelStats {
    pub name: String,
    pub texts_done: u64,
    pub texts_failed: u64,
    pub texts_cancelled: u64,
    pub queued_texts: usize,
    pub queued_tokens: usize,
    /// Tokens of texts, and tokens computed for them with padding.
    pub batch_tokens: u64,
    pub batch_padded_tokens: u64,
    /// Of lanes; threads that idle lanes lend do not count.
    pub busy_seconds: f64,
    pub batch_size: Histogram,
    pub queue_wait_seconds: Histogram,
    pub inference_seconds: Histogram,
    /// Batches by the reason why they hold no more texts.
    pub batches_closed: Vec<(&'static str, u64)>,
    /// Failed texts by reason.
    pub errors: Vec<(&'static str, u64)>,
    /// Whether it is in memory, and what it takes or would take of it.
    pub is_loaded: bool,
    pub bytes: usize,
    /// Loads since the start, by outcome; one that was loaded at start has none.
    pub loads: Loads,
    /// How often it had to go for others.
    pub evictions: u64,
    pub load_seconds: Histogram,
}

/// How loads on demand have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loads {
    pub done: u64,
    pub failed: u64,
}

impl ModelStats {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            texts_done: 0,
            texts_failed: 0,
            texts_cancelled: 0,
            queued_texts: 0,
            queued_tokens: 0,
            batch_tokens: 0,
            batch_padded_tokens: 0,
            busy_seconds: 0.0,
            batch_size: Histogram::new(TEXTS),
            queue_wait_seconds: Histogram::new(SECONDS),
            inference_seconds: Histogram::new(SECONDS),
            batches_closed: CloseReason::ALL.map(|reason| (reason.name(), 0)).to_vec(),
            errors: BatchError::REASONS.map(|reason| (reason, 0)).to_vec(),
            is_loaded: true,
            bytes: 0,
            loads: Loads::default(),
            evictions: 0,
            load_seconds: Histogram::new(LOAD_SECONDS),
        }
    }
}

/// A snapshot of all figures.
#[derive(Clone, Debug)]
pub struct EngineStats {
    pub models: Vec<ModelStats>,
    pub lanes: usize,
    /// Steps of threads that panicked.
    pub panics: u64,
    /// The engine has failed for good.
    pub broken: bool,
    /// Texts accepted and not yet answered.
    pub pending_texts: usize,
    pub queue_capacity: usize,
    /// Bytes of the models that are loaded, and how many there may be; none: any.
    pub model_memory: usize,
    pub model_memory_limit: Option<usize>,
    /// Until the first text of a request would begin that came now, and the longest such wait that is let in.
    pub expected_wait: Duration,
    pub wait_limit: Option<Duration>,
    pub tokenization_seconds: Histogram,
    pub input_tokens: Histogram,
    pub truncated_texts: u64,
    /// Time since a batch last ended; zero while nothing is pending.
    pub since_progress: Duration,
}

pub struct Counters {
    stats: EngineStats,
    /// Texts that each model was asked about.
    asked: Vec<u64>,
    last_progress: Instant,
}

impl Counters {
    pub fn new<'a>(lanes: usize, queue_capacity: usize, models: impl Iterator<Item = &'a str>, now: Instant) -> Self {
        let models: Vec<ModelStats> = models.map(ModelStats::new).collect();
        let asked = vec![0; models.len()];
        let stats = EngineStats {
            models,
            lanes,
            panics: 0,
            broken: false,
            pending_texts: 0,
            queue_capacity,
            model_memory: 0,
            model_memory_limit: None,
            expected_wait: Duration::ZERO,
            wait_limit: None,
            tokenization_seconds: Histogram::new(TOKENIZATION_SECONDS),
            input_tokens: Histogram::new(TOKENS),
            truncated_texts: 0,
            since_progress: Duration::ZERO,
        };
        Self { stats, asked, last_progress: now }
    }

    /// A text was prepared for its models, in `elapsed`.
    pub fn prepared(&mut self, parts: &[Part], elapsed: Duration) {
        self.stats.tokenization_seconds.observe(elapsed.as_secs_f64());
        let longest = parts.iter().map(|part| part.cost).max().unwrap_or(0);
        self.stats.input_tokens.observe(longest as f64);
        self.stats.truncated_texts += u64::from(parts.iter().any(|part| part.truncated));
    }

    /// A batch has run with `texts` texts that were still wanted, computing `computed` of cost.
    pub fn batch(&mut self, batch: &Batch, texts: usize, computed: usize, elapsed: Duration, now: Instant) {
        self.last_progress = now;
        let model = &mut self.stats.models[batch.model.0];
        model.batch_tokens += batch.cost as u64;
        model.batch_padded_tokens += computed as u64;
        model.busy_seconds += elapsed.as_secs_f64();
        model.batch_size.observe(texts as f64);
        model.inference_seconds.observe(elapsed.as_secs_f64());
        batch.waits.iter().for_each(|wait| model.queue_wait_seconds.observe(wait.as_secs_f64()));
        increment(&mut model.batches_closed, batch.reason.name());
    }

    pub fn asked(&mut self, model: ModelId) {
        self.asked[model.0] += 1;
    }

    /// Texts that the model was asked about and has not answered, nor failed, and that were not cancelled.
    pub fn outstanding(&self, model: ModelId) -> u64 {
        let ModelStats { texts_done, texts_failed, texts_cancelled, .. } = &self.stats.models[model.0];
        self.asked[model.0] - texts_done - texts_failed - texts_cancelled
    }

    /// A load on demand has ended well, after `elapsed`.
    pub fn loaded(&mut self, model: ModelId, elapsed: Duration) {
        let model = &mut self.stats.models[model.0];
        model.loads.done += 1;
        model.load_seconds.observe(elapsed.as_secs_f64());
    }

    pub fn load_failed(&mut self, model: ModelId) {
        self.stats.models[model.0].loads.failed += 1;
    }

    pub fn evicted(&mut self, model: ModelId) {
        self.stats.models[model.0].evictions += 1;
    }

    pub fn done(&mut self, model: ModelId) {
        self.stats.models[model.0].texts_done += 1;
    }

    pub fn failed(&mut self, model: ModelId, error: &BatchError) {
        let model = &mut self.stats.models[model.0];
        model.texts_failed += 1;
        increment(&mut model.errors, error.reason());
    }

    pub fn cancelled(&mut self, model: ModelId) {
        self.stats.models[model.0].texts_cancelled += 1;
    }

    pub fn panicked(&mut self) {
        self.stats.panics += 1;
    }

    /// All but what others know: queues and places.
    pub fn snapshot(&self, is_idle: bool, now: Instant) -> EngineStats {
        let mut stats = self.stats.clone();
        if !is_idle {
            stats.since_progress = now.saturating_duration_since(self.last_progress);
        }
        stats
    }

    /// Work arrived at an idle engine: progress is measured from now on.
    pub fn woke(&mut self, now: Instant) {
        self.last_progress = now;
    }
}

fn increment(counts: &mut [(&'static str, u64)], name: &str) {
    if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == name) {
        *count += 1;
    }
}
