//! How numbers lie in memory: what everything that packs, multiplies or converts them agrees on.
//!
//! ```text
//! panel 0      words[depth][PANEL_COLUMNS]   weights; a word spans 4 (int8), 2 (bf16) or 1 (f32) inputs
//!              tail[format.tails()][PANEL_COLUMNS]   per output channel: see `PackedFormat`
//! panel 1 …    the last panel is filled up with zeros
//!
//! row 0        words[stride]   activations, in words like the panels'; every row and panel starts on a cache line
//! row 1 …
//! ```
//!
//! Nothing here computes. `panels` packs weights, `rows` holds activations, `tile` multiplies them.

use std::ops::Range;

use crate::words::Line;

/// Output channels in a panel: three 512-bit registers. It divides 768, 1024, 2304 and 3072.
pub const PANEL_COLUMNS: usize = 48;

/// The size of a linear operator: `[outputs, inputs]`, as `PyTorch` lays out its weight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    pub outputs: usize,
    pub inputs: usize,
}

impl Shape {
    /// Panels of [`PANEL_COLUMNS`] output channels, the last of which may be partly empty.
    pub fn panels(self) -> usize {
        self.outputs.div_ceil(PANEL_COLUMNS)
    }

    /// The output columns of part `part` of `parts`, for [`Linear::run_columns`](crate::Linear::run_columns):
    /// whole panels, as evenly spread as they can be. A part is empty when there are fewer panels than parts.
    pub fn columns_of_part(self, part: usize, parts: usize) -> Range<usize> {
        let column = |part: usize| (self.panels() * part / parts * PANEL_COLUMNS).min(self.outputs);
        column(part)..column(part + 1)
    }
}

/// How the inputs of an output channel, or a row of activations, are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PackedFormat {
    /// Four int8 to the word; tails: column sums (i32), scales (f32), biases (f32).
    Q8,
    /// Two bf16 to the word; tail: biases (f32).
    Bf16,
    /// One f32 to the word; tail: biases (f32).
    F32,
}

impl PackedFormat {
    /// Words that hold `inputs` values.
    pub(crate) fn depth(self, inputs: usize) -> usize {
        match self {
            Self::Q8 => inputs.div_ceil(4),
            Self::Bf16 => inputs.div_ceil(2),
            Self::F32 => inputs,
        }
    }

    /// Words from one row of `inputs` values to the next: whole cache lines.
    pub(crate) fn stride(self, inputs: usize) -> usize {
        self.depth(inputs).next_multiple_of(Line::WORDS)
    }

    /// Vectors of one word per column that follow a panel's weights.
    pub(crate) fn tails(self) -> usize {
        match self {
            Self::Q8 => 3,
            Self::Bf16 | Self::F32 => 1,
        }
    }
}

/// One panel: the weights and tails of [`PANEL_COLUMNS`] output channels.
#[derive(Clone, Copy)]
pub struct Panel<'a> {
    /// Weights, `[depth][PANEL_COLUMNS]`.
    pub words: &'a [u32],
    tails: &'a [[u32; PANEL_COLUMNS]],
}

impl<'a> Panel<'a> {
    /// A panel of `depth` words per column, and its tails.
    pub(crate) fn new(panel: &'a [u32], depth: usize) -> Self {
        let (words, tails) = panel.split_at(depth * PANEL_COLUMNS);
        Self { words, tails: tails.as_chunks().0 }
    }

    /// The per-column vector number `index`.
    pub(crate) fn tail(&self, index: usize) -> &'a [u32; PANEL_COLUMNS] {
        &self.tails[index]
    }
}

/// The left operand: rows of words, `stride` apart.
#[derive(Clone, Copy)]
pub(crate) struct RowWords<'a> {
    pub words: &'a [u32],
    pub stride: usize,
    pub rows: usize,
}

impl RowWords<'_> {
    /// Some of the rows.
    pub(crate) fn tile(self, rows: Range<usize>) -> Self {
        Self { words: &self.words[rows.start * self.stride..], rows: rows.len(), ..self }
    }
}

/// Sums of one row with one panel: `i32` for int8, the bits of `f32` otherwise. On cache lines, since a
/// register that is stored across two costs twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(align(64))]
pub struct Sums<const COLUMNS: usize = PANEL_COLUMNS>(pub [u32; COLUMNS]);
