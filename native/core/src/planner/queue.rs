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
    /// The clock from which on it goes before a newcomer that costs as much.
    due: usize,
}

type Rank = (usize, TextId);

#[derive(Default)]
pub struct Queue {
    texts: BTreeMap<Rank, Waiting>,
    ranks: HashMap<TextId, usize>,
    /// Of all texts that wait.
    cost: usize,
    /// Of those that are not due: what a newcomer goes before. By when they are.
    later: BTreeMap<(usize, TextId), usize>,
    /// Of those that are due.
    due_cost: usize,
    clock: usize,
    next: u64,
}

impl Queue {
    pub fn push(&mut self, flow: &mut Flow, class: Class, items: Vec<Item>, now: Instant) -> TextId {
        let id = TextId(self.next);
        self.next += 1;
        let cost = items.iter().map(|item| item.cost).max().unwrap_or(0);
        let is_first = flow.end.is_none();
        let due = self.due(flow, class, cost);
        if is_first {
            self.clock += cost;
        }
        self.put(Waiting { id, items, since: now, cost, due });
        self.advance();
        id
    }

    /// Moves a text forward to where it would come in as the next of `flow`, if it waits and that is further to the
    /// front.
    pub fn hasten(&mut self, flow: &mut Flow, class: Class, id: TextId) {
        let Some(&current) = self.ranks.get(&id) else { return };
        let Some(cost) = self.texts.get(&(current, id)).map(|text| text.cost) else { return };
        let due = self.due(flow, class, cost);
        if due + OVERTAKING * cost < current
            && let Some(text) = self.take(current, id)
        {
            self.put(Waiting { due, ..text });
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

    /// Of those that a newcomer finds before it.
    pub fn cost_ahead(&self, class: Class) -> usize {
        match class {
            // What comes meanwhile goes before it, too; nobody knows how much that is.
            Class::Batch => self.cost,
            Class::Interactive => self.due_cost,
        }
    }

    /// When a text is due that costs so much, as the next of `flow`.
    fn due(&self, flow: &mut Flow, class: Class, cost: usize) -> usize {
        let start = flow.end.map_or(self.clock, |end| end.max(self.clock));
        flow.end = Some(start + cost);
        let behind = if class == Class::Batch { BATCH_BEHIND } else { 0 };
        start + behind
    }

    fn put(&mut self, text: Waiting) {
        let Waiting { id, cost, due, .. } = text;
        let rank = due + OVERTAKING * cost;
        self.ranks.insert(id, rank);
        self.cost += cost;
        if due <= self.clock {
            self.due_cost += cost;
        } else {
            self.later.insert((due, id), cost);
        }
        self.texts.insert((rank, id), text);
    }

    fn take(&mut self, rank: usize, id: TextId) -> Option<Waiting> {
        let text = self.texts.remove(&(rank, id))?;
        self.ranks.remove(&id);
        self.cost -= text.cost;
        if self.later.remove(&(text.due, id)).is_none() {
            self.due_cost -= text.cost;
        }
        Some(text)
    }

    /// The clock has moved on.
    fn advance(&mut self) {
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= self.clock
        {
            self.due_cost += first.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push { flow: usize, is_batch: bool, cost: usize },
        Hasten { flow: usize, text: usize },
        Remove { text: usize },
        Pop,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..4_usize, any::<bool>(), 1..600_usize).prop_map(|(flow, is_batch, cost)| Step::Push { flow, is_batch, cost }),
            1 => (0..4_usize, 0..40_usize).prop_map(|(flow, text)| Step::Hasten { flow, text }),
            1 => (0..40_usize).prop_map(|text| Step::Remove { text }),
            2 => Just(Step::Pop),
        ]
    }

    proptest! {
        /// What a newcomer finds before it is counted, not looked for: the count must be that of looking.
        #[test]
        #[expect(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
        fn counts_what_a_newcomer_finds_before_it(steps in prop::collection::vec(step(), 1..60)) {
            let (mut queue, now) = (Queue::default(), Instant::now());
            let mut flows = [Flow::default(); 4];
            for step in steps {
                match step {
                    Step::Push { flow, is_batch, cost } => {
                        let class = if is_batch { Class::Batch } else { Class::Interactive };
                        queue.push(&mut flows[flow], class, vec![Item { model: ModelId(0), cost }], now);
                    }
                    Step::Hasten { flow, text } => {
                        queue.hasten(&mut flows[flow], Class::Interactive, TextId(text as u64));
                    }
                    Step::Remove { text } => {
                        queue.remove(TextId(text as u64), ModelId(0));
                    }
                    Step::Pop => {
                        queue.pop();
                    }
                }
                let before = queue.iter().filter(|text| text.due <= queue.clock).map(|text| text.cost).sum::<usize>();
                prop_assert_eq!(queue.cost_ahead(Class::Interactive), before);
                prop_assert_eq!(queue.cost_ahead(Class::Batch), queue.iter().map(|text| text.cost).sum::<usize>());
            }
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
    fn a_newcomer_finds_one_text_of_a_long_list_before_it_and_none_of_those_in_no_hurry() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let item = || vec![Item { model: ModelId(0), cost: 10 }];
        let (mut list, mut unhurried) = (Flow::default(), Flow::default());
        (0..100).for_each(|_| {
            queue.push(&mut list, Class::Interactive, item(), now);
            queue.push(&mut unhurried, Class::Batch, item(), now);
        });
        assert!(queue.cost_ahead(Class::Interactive) <= 30, "{}", queue.cost_ahead(Class::Interactive));
        assert_eq!(queue.cost_ahead(Class::Batch), 2000);
    }
}
