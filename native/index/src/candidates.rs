//! The best of what was seen so far.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// A row with its score. The greater one is the better one: by score, and of equal ones the row that comes first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scored<S> {
    pub score: S,
    pub row: u32,
}

impl<S: Total> Eq for Scored<S> {}

impl<S: Total> PartialOrd for Scored<S> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<S: Total> Ord for Scored<S> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total(&other.score).then_with(|| other.row.cmp(&self.row))
    }
}

/// Numbers with an order for all of them.
pub trait Total: PartialEq {
    fn total(&self, other: &Self) -> Ordering;
}

impl Total for f32 {
    fn total(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }
}

impl Total for f64 {
    fn total(&self, other: &Self) -> Ordering {
        self.total_cmp(other)
    }
}

/// The best rows, at most `room` of them.
pub struct Candidates {
    room: usize,
    heap: BinaryHeap<Reverse<Scored<f32>>>,
}

impl Candidates {
    pub fn new(room: usize) -> Self {
        Self { room, heap: BinaryHeap::with_capacity(room + 1) }
    }

    /// Whether a row with `score` is among the best, where it comes after all that were added.
    #[inline]
    pub fn takes(&self, score: f32) -> bool {
        self.heap.len() < self.room || self.heap.peek().is_some_and(|Reverse(worst)| score > worst.score)
    }

    pub fn add(&mut self, row: u32, score: f32) {
        self.heap.push(Reverse(Scored { score, row }));
        if self.heap.len() > self.room {
            self.heap.pop();
        }
    }

    /// The score that no row was left out above; none where no row was left out.
    pub fn floor(&self) -> Option<f32> {
        if self.heap.len() < self.room { None } else { self.heap.peek().map(|Reverse(worst)| worst.score) }
    }

    pub fn rows(&self) -> impl Iterator<Item = u32> {
        self.heap.iter().map(|Reverse(scored)| scored.row)
    }
}
