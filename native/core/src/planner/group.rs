//! Forms the next group: the texts at the head of the queue that run together, model by model.

use std::{collections::VecDeque, time::Instant};

use super::{Planned, TextId, Waiting, queue::Queue};

/// Padded cells per cost of the budget, at most. An ONNX file of somebody else's computes the rectangle
/// `[texts, longest]`.
const MAX_CELLS_PER_COST: usize = 4;

/// Why a batch holds no more texts than it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// Nothing else was waiting.
    Drained,
    /// The next text would have made the batch's rectangle too large.
    Padding,
    /// The rest was left to other idle lanes.
    Shared,
    /// The next text would have exceeded the token budget.
    TokenBudget,
}

impl CloseReason {
    pub const ALL: [Self; 4] = [Self::Drained, Self::Padding, Self::Shared, Self::TokenBudget];

    /// The name used as a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Padding => "padding",
            Self::Shared => "shared",
            Self::TokenBudget => "token_budget",
        }
    }
}

/// Takes texts from the front of the queue, in order, and returns one batch per model that they need.
///
/// `idle` lanes share what waits: if one group's batches would leave lanes without work, the group
/// takes only its share of the waiting cost.
pub(super) fn form(queue: &mut Queue, max_cost: usize, idle: usize) -> VecDeque<Planned> {
    let Some(front) = queue.iter().next() else { return VecDeque::new() };
    let groups_wanted = idle.div_ceil(front.items.len().max(1));
    let share = queue.cost().div_ceil(groups_wanted);

    let (mut cost, mut longest, mut count) = (0, 0, 0);
    let mut reason = CloseReason::Drained;
    for text in queue.iter() {
        let with_text = cost + text.cost;
        let cells = (count + 1) * longest.max(text.cost);
        if count > 0 {
            if with_text > max_cost {
                reason = CloseReason::TokenBudget;
                break;
            }
            if cells > MAX_CELLS_PER_COST * max_cost {
                reason = CloseReason::Padding;
                break;
            }
            if with_text > share {
                reason = CloseReason::Shared;
                break;
            }
        }
        cost = with_text;
        longest = longest.max(text.cost);
        count += 1;
    }
    batches((0..count).map_while(|_| queue.pop()), reason)
}

/// One batch per model, models in the order in which the texts name them.
fn batches(texts: impl Iterator<Item = Waiting>, reason: CloseReason) -> VecDeque<Planned> {
    let mut batches: VecDeque<Planned> = VecDeque::new();
    for text in texts {
        for item in &text.items {
            let entry: (TextId, usize, Instant) = (text.id, item.cost, text.since);
            match batches.iter_mut().find(|batch| batch.model == item.model) {
                Some(batch) => batch.texts.push(entry),
                None => batches.push_back(Planned { model: item.model, texts: vec![entry], reason }),
            }
        }
    }
    batches
}
