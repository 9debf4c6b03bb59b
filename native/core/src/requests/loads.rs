//! What waits for models to be loaded, and what becomes of it.
//!
//! A text for a model that is not in memory is held by its request, out of the queue, and put into the queue when the
//! model is there: so it stands in nobody's way, is given up with its request, and what else the request asks goes on.

use std::{
    mem,
    time::{Duration, Instant},
};

use super::{
    BatchError, LoadJob, Reply, Requests,
    open::{Asked, Piece, RequestId},
    residency::Use,
};
use crate::planner::{Item, ModelId};

impl Requests {
    /// What is to be loaded next and what must go for that, if anything; `loaded` says how it went.
    pub fn next_load(&mut self, now: Instant) -> Option<LoadJob> {
        self.may_load = false;
        if self.is_closed() {
            return None;
        }
        let mut reopened = Vec::new();
        let use_of = |model| {
            let is_busy = self.planner.is_busy(model);
            Use { is_asked: self.counters.outstanding(model) > 0, is_busy }
        };
        let job = self.residency.next(use_of, &mut reopened);
        for &model in job.iter().flat_map(|job| &job.evict) {
            self.counters.evicted(model);
        }
        for model in reopened {
            self.release(model, now);
        }
        job
    }

    /// Whether `next_load` may give something.
    pub fn has_load(&self) -> bool {
        self.may_load && self.residency.is_waiting()
    }

    /// A load has ended, after `elapsed`: what waited for the model waits in its queue from now on. Returns replies to
    /// requests that this completes.
    pub fn loaded(&mut self, model: ModelId, elapsed: Duration, now: Instant) -> Vec<Reply> {
        self.may_load = true;
        self.residency.loaded(model);
        self.counters.loaded(model, elapsed);
        self.release(model, now);
        mem::take(&mut self.replies)
    }

    /// A load has failed: everybody who waits for the model is told. Returns their replies, and how long it is not tried
    /// again.
    pub fn load_failed(&mut self, model: ModelId, now: Instant) -> (Vec<Reply>, Duration) {
        self.may_load = true;
        self.counters.load_failed(model);
        let retry_after = self.residency.failed(model, now);
        let reason = BatchError::NotLoaded { retry_after };
        for id in mem::take(&mut self.waiting[model.0]) {
            let fails = |_, asked: Asked| (asked.model == model && asked.flight.is_none()).then(|| reason.clone());
            if let Some(request) = self.remove(id, fails) {
                self.replies.push(Reply { ticket: request.ticket, answer: Err(self.failure(model, &reason)) });
            }
        }
        (mem::take(&mut self.replies), retry_after)
    }

    /// Lets pieces of a text wait: with whoever asks for the same, in the queue, or until their model is loaded. Returns
    /// the reply if that was all of the request, and known already.
    pub(super) fn line_up(&mut self, id: RequestId, text: usize, pieces: Vec<Piece>, now: Instant) -> Option<Reply> {
        let request = self.open.get_mut(&id)?;
        let prepared = request.prepared[text].as_mut()?;
        let (mut fresh, mut joined) = (Vec::new(), Vec::new());
        for piece in pieces {
            let Item { model, .. } = piece.item;
            if let Some((flight, known)) = self.flights.join(&piece.content, model, id) {
                prepared.flights[piece.place] = Some(flight);
                if known.output.is_some() {
                    request.missing -= 1;
                    self.counters.done(model);
                } else if known.started.is_none() && !joined.contains(&flight.0) {
                    joined.push(flight.0);
                }
            } else if self.residency.is_open(model) {
                fresh.push(piece);
            } else {
                // It may have been loaded when the request came, and have gone since.
                self.residency.ask(model);
                self.may_load = true;
                self.waiting[model.0].insert(id);
                self.held += 1;
                prepared.held.push(piece);
            }
        }
        request.begun += fresh.len();
        // Whoever brought a text that this request would have had sooner, waits no longer than it.
        let mut flow = request.flow;
        for text in joined {
            self.planner.hasten(&mut flow, request.class, text);
        }
        if fresh.is_empty() {
            request.flow = flow;
        } else {
            let items = fresh.iter().map(|piece| piece.item).collect();
            let text = self.planner.enqueue(&mut request.flow, request.class, items, now);
            for Piece { place, item, content } in fresh {
                let flight = (text, item.model);
                self.flights.start(flight, content, id);
                prepared.flights[place] = Some(flight);
            }
        }
        (request.missing == 0).then(|| self.answer(id, now)).flatten()
    }

    /// `model` takes work: what was held for it waits in the queue from now on.
    fn release(&mut self, model: ModelId, now: Instant) {
        if self.is_idle() {
            self.counters.woke(now);
        }
        for id in mem::take(&mut self.waiting[model.0]) {
            let texts = self.open.get(&id).map_or(0, |request| request.prepared.len());
            for text in 0..texts {
                let prepared = self.open.get_mut(&id).and_then(|request| request.prepared[text].as_mut());
                let Some(prepared) = prepared else { continue };
                let pieces: Vec<_> = prepared.held.extract_if(.., |piece| piece.item.model == model).collect();
                self.held -= pieces.len();
                let reply = self.line_up(id, text, pieces, now);
                self.replies.extend(reply);
            }
        }
    }
}
