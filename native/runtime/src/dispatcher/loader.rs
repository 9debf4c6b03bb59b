//! The loader: brings models into memory, one at a time, and lets others go for them.
//!
//! A thread of its own, so that neither requests nor batches of other models wait for it; it packs weights on that thread
//! alone.

use std::time::Duration;

use chorus_core::{
    planner::ModelId,
    requests::{LoadJob, Reply},
};

#[cfg(test)]
use super::tests::Place;
use super::{
    ModelEvent, Shared,
    supervise::{Step, Worker},
};
use crate::{allocator, model::Model};

#[derive(Default)]
pub struct Loader {
    /// A load that has been taken, and neither entered nor failed.
    in_hand: Option<LoadJob>,
    /// Replies that have not been delivered.
    outbox: Vec<Reply>,
}

impl Worker for Loader {
    fn take(&mut self, shared: &Shared) -> Step {
        let now = (shared.clock)();
        let mut requests = shared.requests();
        self.outbox.extend(requests.expire(now));
        self.in_hand = requests.next_load(now);
        #[cfg(test)]
        shared.faults.pass(Place::Taking);
        let is_closed = requests.is_closed();
        // A model that drained for nothing has got its texts back.
        shared.wake_lane(requests);
        match self.in_hand {
            Some(_) => Step::Done,
            None if is_closed => Step::Closed,
            None => Step::Idle,
        }
    }

    fn work(&mut self, shared: &Shared) {
        let Some(LoadJob { model, evict }) = &self.in_hand else { return };
        for gone in evict {
            let gone = self::model(shared, *gone);
            gone.slot.unload();
            (shared.sinks.events)(ModelEvent::Evicted { model: gone.info.name.clone() });
        }
        if !evict.is_empty() {
            allocator::release_free_memory();
        }
        let model = *model;
        let started = (shared.clock)();
        let loaded = self::model(shared, model).slot.load();
        #[cfg(test)]
        shared.faults.pass(Place::Ran);
        self.enter(shared, model, loaded.map_err(|error| error.to_string()), (shared.clock)() - started);
    }

    fn fail(&mut self, shared: &Shared) {
        if let Some(LoadJob { model, .. }) = self.in_hand {
            self.enter(shared, model, Err("it panicked while it was loaded".to_owned()), Duration::ZERO);
        }
    }

    fn outbox(&mut self) -> &mut Vec<Reply> {
        &mut self.outbox
    }

    fn wait(&self, shared: &Shared) {
        let mut requests = shared.requests();
        if !requests.has_load() && !requests.is_closed() {
            shared.loads_waiting.wait(&mut requests.guard);
        }
    }
}

impl Loader {
    /// Tells who waits how the load has gone, or why it has not.
    fn enter(&mut self, shared: &Shared, model: ModelId, loaded: Result<(), String>, elapsed: Duration) {
        let name = self::model(shared, model).info.name.clone();
        let now = (shared.clock)();
        let mut requests = shared.requests();
        let event = match loaded {
            Ok(()) => {
                self.outbox.extend(requests.loaded(model, elapsed, now));
                ModelEvent::Loaded { model: name, elapsed }
            }
            Err(error) => {
                let (replies, retry_after) = requests.load_failed(model, now);
                self.outbox.extend(replies);
                ModelEvent::Failed { model: name, error, retry_after }
            }
        };
        self.in_hand = None;
        shared.wake_lane(requests);
        (shared.sinks.events)(event);
    }
}

fn model(shared: &Shared, ModelId(index): ModelId) -> &Model {
    &shared.models[index]
}
