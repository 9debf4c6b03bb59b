//! The order in which texts wait.
//!
//! A text's *rank* is the cost that goes before it. The clock is the cost of what came first of every request; a
//! text starts at the clock, or where its request's last text ended, if that is later (start-time fair queueing:
//! Goyal, Vin and Cheng, 1996, with a clock that counts arrivals). To that come [`OVERTAKING`] times its own cost.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use super::{Item, ModelId, TextId};

/// How far a text may be overtaken: by so many times its own cost of texts of younger requests.
///
/// Its wait grows in proportion to what it costs itself. At 8, a text of 512 tokens lets 200 short ones of
/// 20 tokens pass.
pub const OVERTAKING: usize = 8;

/// How much of the cost of younger requests goes before those that are in no hurry.
const BATCH_BEHIND: usize = 16_384;

/// Who waits for a text's answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    /// Nobody who looks on: interactive texts go first, but never for ever.
    Batch,
    #[default]
    Interactive,
}

/// How far a request has come in the queue's time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    /// Where its last text ends; none has been enqueued yet where there is none.
    end: Option<usize>,
}

pub struct Waiting {
    pub id: TextId,
    /// The models that are still to answer it.
    pub items: Vec<Item>,
    pub since: Instant,
    /// Its cost for the model that reads most of it, when it was enqueued.
    pub cost: usize,
}

type Rank = (usize, TextId);

#[derive(Default)]
pub struct Queue {
    texts: BTreeMap<Rank, Waiting>,
    ranks: HashMap<TextId, usize>,
    /// Of all texts that wait.
    cost: usize,
    clock: usize,
    next: u64,
}

impl Queue {
    pub fn push(&mut self, flow: &mut Flow, class: Class, items: Vec<Item>, now: Instant) -> TextId {
        let id = TextId(self.next);
        self.next += 1;
        let cost = items.iter().map(|item| item.cost).max().unwrap_or(0);
        let is_first = flow.end.is_none();
        let rank = self.rank(flow, class, cost);
        if is_first {
            self.clock += cost;
        }
        self.texts.insert((rank, id), Waiting { id, items, since: now, cost });
        self.ranks.insert(id, rank);
        self.cost += cost;
        id
    }

    /// Moves a text forward to where it would come in as the next of `flow`, if it waits and that is further to the
    /// front.
    pub fn hasten(&mut self, flow: &mut Flow, class: Class, id: TextId) {
        let Some(&current) = self.ranks.get(&id) else { return };
        let Some(cost) = self.texts.get(&(current, id)).map(|text| text.cost) else { return };
        let rank = self.rank(flow, class, cost);
        if rank < current
            && let Some(text) = self.texts.remove(&(current, id))
        {
            self.texts.insert((rank, id), text);
            self.ranks.insert(id, rank);
        }
    }

    /// Takes a model off a text, and the text out if it was the last; returns what the text costs that model.
    pub fn remove(&mut self, id: TextId, model: ModelId) -> Option<usize> {
        let &rank = self.ranks.get(&id)?;
        let text = self.texts.get_mut(&(rank, id))?;
        let position = text.items.iter().position(|item| item.model == model)?;
        let Item { cost, .. } = text.items.remove(position);
        if text.items.is_empty() {
            self.take(rank, id);
        }
        Some(cost)
    }

    /// The first text.
    pub fn pop(&mut self) -> Option<Waiting> {
        let &(rank, id) = self.texts.first_key_value()?.0;
        self.take(rank, id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.texts.values()
    }

    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Of all texts that wait.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// The rank of a text that costs so much, as the next of `flow`.
    fn rank(&self, flow: &mut Flow, class: Class, cost: usize) -> usize {
        let start = flow.end.map_or(self.clock, |end| end.max(self.clock));
        flow.end = Some(start + cost);
        let behind = if class == Class::Batch { BATCH_BEHIND } else { 0 };
        start + OVERTAKING * cost + behind
    }

    fn take(&mut self, rank: usize, id: TextId) -> Option<Waiting> {
        let text = self.texts.remove(&(rank, id))?;
        self.ranks.remove(&id);
        self.cost -= text.cost;
        Some(text)
    }
}
