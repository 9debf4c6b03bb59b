//! Decides which texts run together on which model, when, and on how many threads.
//!
//! A state machine without clock or thread: `enqueue`, `cancel` and `finish` are its inputs, `poll_batch` its
//! output. The rules:
//!
//! - **No timer.** A free lane takes what waits, at once; a batch is what waits when a lane comes free.
//! - **Gang order.** Waiting texts are formed into a *group*; all models of one group start before any
//!   of the next. A request ends with its last model, so this halves the mean wait of finishing in
//!   turns, at the same throughput.
//! - **Short texts pass long ones**, within a limit: a text is overtaken by at most [`OVERTAKING`] times its
//!   own cost of any one younger request, and of all younger requests with a single text together. So hundreds of short
//!   texts do not wait behind a long one, and none starves.
//! - **Requests share.** Each text of a request goes behind its last one, but the queue's clock advances by the
//!   first alone: a newcomer's text goes before the second of somebody who brought a thousand.
//! - **Budget.** A group ends where the next text would exceed it; a longer text runs alone.
//! - **Split when idle.** Texts are shared out over idle lanes first; what is left of the lanes lends its
//!   threads to the batches that run, until there is work for it again.
//!
//! Nothing here takes longer the more texts wait, but for the logarithm of an ordered map.
//!
//! `queue` holds the order, `group` forms groups; `tests` holds the properties. `requests` drives this.

mod group;
mod queue;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use self::queue::{Queue, Waiting};
pub use self::{
    group::CloseReason,
    queue::{Class, Flow, OVERTAKING},
};

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
    /// Cost of a batch, at most; a single text that costs more still runs.
    pub max_batch_cost: usize,
    pub models: usize,
}

/// One text for one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub model: ModelId,
    /// What a batch's budget counts: tokens, special ones included, for models that read tokens.
    pub cost: usize,
}

/// Texts to run on one model now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub model: ModelId,
    pub texts: Vec<TextId>,
    pub cost: usize,
    pub reason: CloseReason,
    /// For each text how long it waited since `enqueue`.
    pub waits: Vec<Duration>,
}

/// What is waiting for one model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub texts: usize,
    pub cost: usize,
}

/// A batch of the current group that no lane has taken yet.
struct Planned {
    model: ModelId,
    texts: Vec<(TextId, usize, Instant)>,
    reason: CloseReason,
}

pub struct Planner {
    config: PlannerConfig,
    queue: Queue,
    planned: VecDeque<Planned>,
    /// Of `planned`, what is still wanted, and what it costs: the rest stays there until its batch is taken.
    wanted: HashMap<(TextId, ModelId), usize>,
    running: HashMap<BatchId, ModelId>,
    backlogs: Vec<Backlog>,
    next_batch: u64,
}

impl Planner {
    /// # Panics
    /// If a limit of `config` is zero.
    pub fn new(config: PlannerConfig) -> Self {
        assert!(config.lanes > 0 && config.max_batch_cost > 0, "limits are positive");
        Self {
            config,
            queue: Queue::default(),
            planned: VecDeque::new(),
            wanted: HashMap::new(),
            running: HashMap::new(),
            backlogs: vec![Backlog::default(); config.models],
            next_batch: 0,
        }
    }

    /// Puts a text into the queue; `items` has one entry for each model that is to answer it, at least one.
    ///
    /// `flow` belongs to the request that it is a text of, and remembers how much of that has been enqueued.
    pub fn enqueue(&mut self, flow: &mut Flow, class: Class, items: Vec<Item>, now: Instant) -> TextId {
        for &Item { model, cost } in &items {
            let backlog = &mut self.backlogs[model.0];
            backlog.texts += 1;
            backlog.cost += cost;
        }
        self.queue.push(flow, class, items, now)
    }

    /// Somebody else asks for a text that waits: it waits no longer than if it had been brought by them now, as the next
    /// of `flow`.
    pub fn hasten(&mut self, flow: &mut Flow, class: Class, text: TextId) {
        self.queue.hasten(flow, class, text);
    }

    /// A model need not answer a text any more: takes it out of the queue and the group. What already runs of it
    /// runs to its end.
    pub fn cancel(&mut self, text: TextId, model: ModelId) {
        let cost = self.queue.remove(text, model).or_else(|| self.wanted.remove(&(text, model)));
        if let Some(cost) = cost {
            self.leaves_backlog(model, 1, cost);
        }
    }

    /// The next batch to run, if a lane is free and anything waits.
    pub fn poll_batch(&mut self, now: Instant) -> Option<Batch> {
        let idle = self.config.lanes - self.running.len();
        if idle == 0 {
            return None;
        }
        loop {
            if self.planned.is_empty() {
                self.form_group(idle);
            }
            let Planned { model, mut texts, reason } = self.planned.pop_front()?;
            texts.retain(|&(text, ..)| self.wanted.remove(&(text, model)).is_some());
            if texts.is_empty() {
                continue;
            }
            let batch = Batch {
                id: BatchId(self.next_batch),
                model,
                cost: texts.iter().map(|&(_, cost, _)| cost).sum(),
                reason,
                waits: texts.iter().map(|&(.., since)| now.saturating_duration_since(since)).collect(),
                texts: texts.into_iter().map(|(text, ..)| text).collect(),
            };
            self.leaves_backlog(model, batch.texts.len(), batch.cost);
            self.next_batch += 1;
            self.running.insert(batch.id, model);
            return Some(batch);
        }
    }

    /// Whether `poll_batch` would give a batch.
    pub fn has_batch(&self) -> bool {
        self.running.len() < self.config.lanes && (!self.wanted.is_empty() || !self.queue.is_empty())
    }

    /// Frees the lane of a batch that has run, well or not.
    pub fn finish(&mut self, batch: BatchId) {
        self.running.remove(&batch);
    }

    /// Threads for each running batch as things stand: the lanes, shared out evenly over the batches that run
    /// and those that a free lane is about to take.
    pub fn threads_per_batch(&self) -> usize {
        let lanes = self.config.lanes;
        let waiting: usize = self.queue.iter().take(lanes).map(|text| text.items.len()).sum();
        let batches = self.running.len() + self.planned.len() + waiting;
        (lanes / batches.max(1)).max(1)
    }

    /// Whether any batch runs, wanted or not.
    pub fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Whether anything waits for `model` or runs on it, wanted or not.
    pub fn is_busy(&self, model: ModelId) -> bool {
        self.backlogs[model.0].texts > 0 || self.running.values().any(|&running| running == model)
    }

    /// Of what waits, the part that a newcomer finds before it.
    pub fn share_ahead(&self, class: Class) -> f64 {
        match self.queue.cost() {
            0 => 1.0,
            all => self.queue.cost_ahead(class) as f64 / all as f64,
        }
    }

    /// The cost of what waits in the queue, each text for the model that reads most of it.
    pub fn waiting(&self) -> usize {
        self.queue.cost()
    }

    /// What waits for `model`, in the queue or in the current group.
    pub fn backlog(&self, model: ModelId) -> Backlog {
        self.backlogs[model.0]
    }

    fn form_group(&mut self, idle: usize) {
        self.planned = group::form(&mut self.queue, self.config.max_batch_cost, idle);
        for Planned { model, texts, .. } in &self.planned {
            self.wanted.extend(texts.iter().map(|&(text, cost, _)| ((text, *model), cost)));
        }
    }

    fn leaves_backlog(&mut self, model: ModelId, texts: usize, cost: usize) {
        let backlog = &mut self.backlogs[model.0];
        backlog.texts -= texts;
        backlog.cost -= cost;
    }
}
