//! How fast work is done, as finished batches show it: what a newcomer's wait is computed from.
//!
//! Work is counted in seconds of one lane. Everything is learned by [`Ratio`]s that forget within seconds, so that a
//! model that gets slower, or texts that get longer, are known for what they are soon.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::planner::{Batch, BatchId, ModelId};

/// What was seen so long ago counts a third of what is seen now.
const MEMORY: Duration = Duration::from_secs(1);

/// The sum of one thing over the sum of another, both forgotten at the same rate.
#[derive(Clone, Copy, Debug, Default)]
struct Ratio {
    numerator: f64,
    denominator: f64,
    updated: Option<Instant>,
}

impl Ratio {
    fn add(&mut self, numerator: f64, denominator: f64, now: Instant) {
        let age = self.updated.map_or(Duration::ZERO, |updated| now.saturating_duration_since(updated));
        // Never all of it: what is known after a night is better than nothing.
        let kept = (-age.as_secs_f64() / MEMORY.as_secs_f64()).exp().max(1e-3);
        self.numerator = self.numerator * kept + numerator;
        self.denominator = self.denominator * kept + denominator;
        self.updated = Some(now);
    }

    fn get(&self) -> Option<f64> {
        (self.denominator > 0.0).then(|| self.numerator / self.denominator)
    }
}

struct ModelPace {
    seconds_per_cost: Ratio,
    cost_per_byte: Ratio,
    max_cost: usize,
}

struct Run {
    began: Instant,
    /// Lanes that worked at it when it began.
    threads: usize,
    work: f64,
}

pub struct Pace {
    models: Vec<ModelPace>,
    running: HashMap<BatchId, Run>,
}

impl Pace {
    /// `max_costs`: what one text costs each model, at most.
    pub fn new(max_costs: impl Iterator<Item = usize>) -> Self {
        let model =
            |max_cost| ModelPace { seconds_per_cost: Ratio::default(), cost_per_byte: Ratio::default(), max_cost };
        Self { models: max_costs.map(model).collect(), running: HashMap::new() }
    }

    /// A text of so many bytes costs `model` so much; one that was cut says nothing of others.
    pub fn read(&mut self, model: ModelId, bytes: usize, cost: usize, now: Instant) {
        if cost < self.models[model.0].max_cost {
            self.models[model.0].cost_per_byte.add(cost as f64, bytes.max(1) as f64, now);
        }
    }

    /// A batch begins, with the threads of so many lanes.
    pub fn began(&mut self, batch: &Batch, threads: usize, now: Instant) {
        let work = self.work(batch.model, batch.cost);
        self.running.insert(batch.id, Run { began: now, threads, work });
    }

    /// A batch has ended; one that took no time was not computed.
    pub fn ended(&mut self, batch: &Batch, elapsed: Duration, now: Instant) {
        let Some(run) = self.running.remove(&batch.id) else { return };
        if !elapsed.is_zero() {
            let work = elapsed.as_secs_f64() * run.threads as f64;
            self.models[batch.model.0].seconds_per_cost.add(work, batch.cost as f64, now);
        }
    }

    /// Seconds of a lane that `model` takes for so much cost; 0 while nothing is known.
    pub fn work(&self, model: ModelId, cost: usize) -> f64 {
        self.models[model.0].seconds_per_cost.get().unwrap_or(0.0) * cost as f64
    }

    /// Seconds of a lane for a text of so many bytes whose tokens are not known.
    pub fn work_of_text(&self, bytes: usize, models: &[ModelId]) -> f64 {
        let work = |&model: &ModelId| {
            let ModelPace { cost_per_byte, max_cost, .. } = &self.models[model.0];
            let cost = cost_per_byte.get().unwrap_or(0.0) * bytes as f64;
            self.work(model, (cost.ceil() as usize).clamp(1, *max_cost))
        };
        models.iter().map(work).sum()
    }

    /// Seconds of a lane until all that runs has ended.
    pub fn running(&self, now: Instant) -> f64 {
        let left = |run: &Run| {
            let done = now.saturating_duration_since(run.began).as_secs_f64() * run.threads as f64;
            (run.work - done).max(0.0)
        };
        self.running.values().map(left).sum()
    }
}
