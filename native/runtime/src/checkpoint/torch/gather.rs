//! Copies one tensor out of its storage, row by row of its own shape.
//!
//! A tensor may be transposed, sliced or expanded, and its storage larger than memory. So it is copied
//! in pieces, and within a piece in the order in which the elements lie in the file.

use std::cmp::Reverse;

use super::{fault::Fault, source::Source, state::View};

/// How much is handed on at a time.
const PIECE: u64 = 4 << 20;
/// How much is read at a time to pick elements from.
const WINDOW: u64 = 1 << 20;

/// One dimension: how many steps, and how far a step goes on either side, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Axis {
    size: u64,
    from: u64,
    to: u64,
}

/// Buffers for any number of tensors.
pub struct Gather<'a> {
    source: &'a Source,
    piece: Vec<u8>,
    window: Vec<u8>,
}

impl<'a> Gather<'a> {
    pub fn new(source: &'a Source) -> Self {
        Self { source, piece: Vec::new(), window: Vec::new() }
    }

    /// Hands the tensor's bytes to `sink`, in order.
    pub fn copy(&mut self, view: &View, mut sink: impl FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        if view.length == 0 {
            return Ok(());
        }
        let axes = axes(view);
        let item = view.item();
        // The last axes fit a piece as a whole, the one before is cut into chunks.
        let whole =
            axes.iter().rposition(|axis| axis.to * axis.size > PIECE).map_or(0, |last_too_long| last_too_long + 1);
        let (outer, inner) = axes.split_at(whole);
        let (chunked, outer) = match outer.split_last() {
            Some((&chunked, outer)) => (chunked, outer),
            None => (Axis { size: 1, from: 0, to: view.length }, outer),
        };
        let chunk = (PIECE / chunked.to).max(1);
        walk(outer, |from, _| {
            for start in (0..chunked.size).step_by(chunk as usize) {
                let size = chunk.min(chunked.size - start);
                let axes = [&[Axis { size, ..chunked }], inner].concat();
                self.fill(view.offset + from + start * chunked.from, axes, item)?;
                sink(&self.piece)?;
            }
            Ok(())
        })
    }

    /// Makes `piece` the elements of `axes`, the first of which lies at `offset`.
    fn fill(&mut self, offset: u64, mut axes: Vec<Axis>, item: u64) -> Result<(), Fault> {
        let length = axes.iter().map(|axis| axis.size).product::<u64>() * item;
        self.piece.resize(length as usize, 0);
        axes.retain(|axis| axis.size > 1);
        axes.sort_by_key(|axis| Reverse(axis.from));
        let run = axes.pop().unwrap_or(Axis { size: 1, from: item, to: item });
        let Self { source, piece, window } = self;
        walk(&axes, |from, to| {
            let target = &mut piece[to as usize..];
            if run.from == item && run.to == item {
                return source.read(offset + from, &mut target[..(run.size * item) as usize]);
            }
            let at_once = WINDOW.checked_div(run.from).unwrap_or(run.size).max(1);
            for start in (0..run.size).step_by(at_once as usize) {
                let count = at_once.min(run.size - start);
                window.resize(((count - 1) * run.from + item) as usize, 0);
                source.read(offset + from + start * run.from, window)?;
                for index in 0..count {
                    let (at, to) = ((index * run.from) as usize, ((start + index) * run.to) as usize);
                    target[to..to + item as usize].copy_from_slice(&window[at..at + item as usize]);
                }
            }
            Ok(())
        })
    }
}

/// The tensor's dimensions, neighbours that lie like one dimension merged into one.
fn axes(view: &View) -> Vec<Axis> {
    let item = view.item();
    let mut axes: Vec<Axis> = Vec::new();
    let mut to = item;
    for (&size, &stride) in view.shape.iter().zip(view.strides).rev().filter(|(size, _)| **size > 1) {
        let from = stride * item;
        match axes.last_mut() {
            Some(last) if last.from * last.size == from => last.size *= size,
            _ => axes.push(Axis { size, from, to }),
        }
        to *= size;
    }
    axes.reverse();
    axes
}

/// Calls `visit` with both offsets of every combination of steps, the last axis first.
fn walk(axes: &[Axis], mut visit: impl FnMut(u64, u64) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut steps = vec![0; axes.len()];
    let (mut from, mut to) = (0, 0);
    loop {
        visit(from, to)?;
        let mut open = axes.len();
        while let Some(axis) = open.checked_sub(1) {
            let Axis { size, from: step_from, to: step_to } = axes[axis];
            if steps[axis] + 1 < size {
                steps[axis] += 1;
                from += step_from;
                to += step_to;
                break;
            }
            from -= steps[axis] * step_from;
            to -= steps[axis] * step_to;
            steps[axis] = 0;
            open = axis;
        }
        if open == 0 {
            return Ok(());
        }
    }
}
