//! Decides which texts run together on which model, when, and on how many threads.
//!
//! A state machine without clock or thread: `reserve`, `enqueue`, `cancel` and `finish` are its
//! inputs, `poll_batch` its output. The rules:
//!
//! - **No timer.** A free lane takes what waits, at once; a batch is what waits when a lane comes free.
//! - **Gang order.** Waiting texts are formed into a *group*; all models of one group start before any
//!   of the next. A request ends with its last model, so this halves the mean wait of finishing in
//!   turns, at the same throughput.
//! - **Short texts pass long ones**, within a limit: a text is overtaken by at most [`OVERTAKING`] times its
//!   own tokens of younger texts. So hundreds of short texts do not wait behind a long one, and none starves.
//! - **Token budget.** A group ends where the next text would exceed it; a longer text runs alone.
//! - **Split when idle.** Texts are shared out over idle lanes first; what is left of the lanes lends its
//!   threads to the batches that run, until there is work for it again.
//! - **Bounded.** Texts are counted from `reserve` to their end; beyond the capacity they are refused.
//!
//! `group` forms groups; `tests` holds the properties. The runtime's `dispatcher` drives this.

mod group;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use thiserror::Error;

pub use group::CloseReason;

/// How far a text may be overtaken: by so many times its own tokens of younger texts.
///
/// Its wait grows in proportion to what it costs itself. At 8, a text of 512 tokens lets 200 short ones of
/// 20 tokens pass.
pub const OVERTAKING: usize = 8;

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelId(pub usize);

/// A text that waits for, or is being answered by, one or more models.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextId(pub u64);

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct BatchId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannerConfig {
    /// Batches that run at the same time, on one thread each if all do: the cores of a CPU.
    pub lanes: usize,
    /// Tokens per batch, at least; a single longer text still runs.
    pub max_batch_tokens: usize,
    /// Texts that are accepted and not yet answered, at most.
    pub capacity: usize,
}

/// One text for one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub model: ModelId,
    /// Length for this model in tokens, special tokens included.
    pub tokens: usize,
}

/// Texts to run on one model now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub model: ModelId,
    pub texts: Vec<TextId>,
    pub tokens: usize,
    pub reason: CloseReason,
    /// For each text how long it waited since `enqueue`.
    pub waits: Vec<Duration>,
}

/// As many texts are waiting or running as are allowed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the queue holds {capacity} texts and is full")]
pub struct QueueFull {
    pub capacity: usize,
}

/// What is waiting for one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub texts: usize,
    pub tokens: usize,
}

struct Waiting {
    id: TextId,
    items: Vec<Item>,
    since: Instant,
    /// The queue's order: the tokens that were enqueued before this text, plus [`OVERTAKING`] times its own.
    ///
    /// Only a text that begins less than that many tokens later can come before it.
    rank: usize,
}

impl Waiting {
    /// The text's length for the model that reads most of it.
    fn tokens(&self) -> usize {
        self.items.iter().map(|item| item.tokens).max().unwrap_or(0)
    }
}

/// A batch of the current group that no lane has taken yet.
struct Planned {
    model: ModelId,
    texts: Vec<(TextId, usize, Instant)>,
    reason: CloseReason,
}

pub struct Planner {
    config: PlannerConfig,
    /// By rank.
    waiting: VecDeque<Waiting>,
    /// Tokens of all texts ever enqueued.
    enqueued_tokens: usize,
    planned: VecDeque<Planned>,
    running: HashMap<BatchId, Batch>,
    /// Models that have still to answer, by text.
    open: HashMap<TextId, usize>,
    reserved: usize,
    next_text: u64,
    next_batch: u64,
}

impl Planner {
    /// # Panics
    /// If a limit of `config` is zero.
    pub fn new(config: PlannerConfig) -> Self {
        assert!(config.lanes > 0 && config.max_batch_tokens > 0 && config.capacity > 0, "limits are positive");
        Self {
            config,
            waiting: VecDeque::new(),
            enqueued_tokens: 0,
            planned: VecDeque::new(),
            running: HashMap::new(),
            open: HashMap::new(),
            reserved: 0,
            next_text: 0,
            next_batch: 0,
        }
    }

    /// Takes places for `texts` that are about to be tokenized, all or none.
    pub fn reserve(&mut self, texts: usize) -> Result<(), QueueFull> {
        let capacity = self.config.capacity;
        if self.pending() + texts > capacity {
            return Err(QueueFull { capacity });
        }
        self.reserved += texts;
        Ok(())
    }

    /// Gives back a place taken by `reserve` whose text will not be enqueued.
    pub fn release(&mut self, texts: usize) {
        self.reserved = self.reserved.saturating_sub(texts);
    }

    /// Puts a text with a reserved place into the queue; `items` has one entry per model.
    pub fn enqueue(&mut self, items: Vec<Item>, now: Instant) -> TextId {
        self.release(1);
        let id = TextId(self.next_text);
        self.next_text += 1;
        self.open.insert(id, items.len());
        let mut text = Waiting { id, items, since: now, rank: 0 };
        text.rank = self.enqueued_tokens + OVERTAKING * text.tokens();
        self.enqueued_tokens += text.tokens();
        let place = self.waiting.partition_point(|waiting| waiting.rank <= text.rank);
        self.waiting.insert(place, text);
        id
    }

    /// Takes a text out of the queue and frees its place. What already runs of it runs to its end.
    pub fn cancel(&mut self, text: TextId) {
        if self.open.remove(&text).is_none() {
            return;
        }
        self.waiting.retain(|waiting| waiting.id != text);
        for planned in &mut self.planned {
            planned.texts.retain(|&(id, ..)| id != text);
        }
        self.planned.retain(|planned| !planned.texts.is_empty());
    }

    /// The next batch to run, if a lane is free and anything waits.
    pub fn poll_batch(&mut self, now: Instant) -> Option<Batch> {
        let idle = self.config.lanes - self.running.len();
        if idle == 0 {
            return None;
        }
        if self.planned.is_empty() {
            self.planned = group::form(&mut self.waiting, self.config.max_batch_tokens, idle);
        }
        let planned = self.planned.pop_front()?;
        let batch = Batch {
            id: BatchId(self.next_batch),
            model: planned.model,
            tokens: planned.texts.iter().map(|&(_, tokens, _)| tokens).sum(),
            reason: planned.reason,
            waits: planned.texts.iter().map(|&(.., since)| now.saturating_duration_since(since)).collect(),
            texts: planned.texts.into_iter().map(|(id, ..)| id).collect(),
        };
        self.next_batch += 1;
        self.running.insert(batch.id, batch.clone());
        Some(batch)
    }

    /// Whether `poll_batch` would give a batch.
    pub fn has_batch(&self) -> bool {
        self.running.len() < self.config.lanes && !(self.planned.is_empty() && self.waiting.is_empty())
    }

    /// Frees the lane of a batch that has run, well or not, and the places of texts that it ends.
    pub fn finish(&mut self, batch: BatchId) {
        let Some(batch) = self.running.remove(&batch) else { return };
        for text in batch.texts {
            if let Some(models_left) = self.open.get_mut(&text) {
                *models_left -= 1;
                if *models_left == 0 {
                    self.open.remove(&text);
                }
            }
        }
    }

    /// Threads for each running batch as things stand: the lanes, shared out evenly over the batches that run
    /// and those that a free lane is about to take.
    pub fn threads_per_batch(&self) -> usize {
        let lanes = self.config.lanes;
        let waiting: usize = self.waiting.iter().take(lanes).map(|text| text.items.len()).sum();
        let batches = self.running.len() + self.planned.len() + waiting;
        (lanes / batches.max(1)).max(1)
    }

    /// Texts accepted and not yet answered.
    pub fn pending(&self) -> usize {
        self.reserved + self.open.len()
    }

    /// Whether any batch runs, wanted or not.
    pub fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Whether nothing waits and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.pending() == 0 && !self.is_running()
    }

    /// What waits for `model`, in the queue or in the current group.
    pub fn backlog(&self, model: ModelId) -> Backlog {
        let queued = self.waiting.iter().flat_map(|text| &text.items).filter(|item| item.model == model);
        let planned = self.planned.iter().filter(|planned| planned.model == model).flat_map(|planned| &planned.texts);
        let lengths = queued.map(|item| item.tokens).chain(planned.map(|&(_, tokens, _)| tokens));
        lengths.fold(Backlog::default(), |sum, tokens| Backlog { texts: sum.texts + 1, tokens: sum.tokens + tokens })
    }
}
