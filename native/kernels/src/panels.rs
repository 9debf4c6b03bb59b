//! Packed weights in the layout that the kernels read.
//!
//! ```text
//! panel 0      words[depth][PANEL_COLUMNS]   weights; a word spans 4 (int8), 2 (bf16) or 1 (f32) inputs
//!              tail[format.tails()][PANEL_COLUMNS]   per output channel: see `PackedFormat`
//! panel 1 …    the last panel is filled up with zeros
//! ```
//!
//! Every panel starts on a cache line.

use crate::huge_pages::Lines;
use crate::linear::Shape;
use crate::tile::PANEL_COLUMNS;
use crate::words::{Line, words_of_lines, words_of_lines_mut};

/// How the inputs of one output channel are stored.
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
    fn tails(self) -> usize {
        match self {
            Self::Q8 => 3,
            Self::Bf16 | Self::F32 => 1,
        }
    }
}

/// The packed weights of one linear operator.
pub(crate) struct Panels {
    lines: Lines,
    format: PackedFormat,
    shape: Shape,
}

/// One panel: the weights and tails of [`PANEL_COLUMNS`] output channels.
#[derive(Clone, Copy)]
pub struct Panel<'a> {
    /// Weights, `[depth][PANEL_COLUMNS]`.
    pub words: &'a [u32],
    tails: &'a [[u32; PANEL_COLUMNS]],
}

impl<'a> Panel<'a> {
    /// The per-column vector number `index`.
    pub(crate) fn tail(&self, index: usize) -> &'a [u32; PANEL_COLUMNS] {
        &self.tails[index]
    }
}

impl Panels {
    /// Packs channel by channel. `pack(channel, words, tails)` fills one channel's words and tail values.
    pub(crate) fn pack(
        format: PackedFormat,
        shape: Shape,
        mut pack: impl FnMut(usize, &mut [u32], &mut [u32]),
    ) -> Self {
        let panel_words = panel_words(format, shape);
        let mut lines = Lines::zeroed(shape.panels() * panel_words / Line::WORDS);
        let words = words_of_lines_mut(&mut lines);
        let depth = format.depth(shape.inputs);
        let length = depth + format.tails();
        // A cache line's worth of channels at a time: one by one, every line would be written 16 times.
        let mut channels = vec![0; Line::WORDS * length];
        for first in (0..shape.outputs).step_by(Line::WORDS) {
            let count = Line::WORDS.min(shape.outputs - first);
            for (channel, words) in channels.chunks_exact_mut(length).take(count).enumerate() {
                let (words, tails) = words.split_at_mut(depth);
                pack(first + channel, words, tails);
            }
            channels[count * length..].fill(0);
            let panel = &mut words[first / PANEL_COLUMNS * panel_words..][..panel_words];
            let (rows, _) = panel.as_chunks_mut::<PANEL_COLUMNS>();
            for (index, row) in rows.iter_mut().enumerate() {
                let line = &mut row[first % PANEL_COLUMNS..][..Line::WORDS];
                for (word, channel) in line.iter_mut().zip(channels.chunks_exact(length)) {
                    *word = channel[index];
                }
            }
        }
        Self { lines, format, shape }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The `count` panels from number `first` on.
    pub(crate) fn panels(&self, first: usize, count: usize) -> impl Iterator<Item = Panel<'_>> + Clone {
        let size = panel_words(self.format, self.shape);
        let weights = self.format.depth(self.shape.inputs) * PANEL_COLUMNS;
        words_of_lines(&self.lines)[first * size..][..count * size].chunks_exact(size).map(move |panel| {
            let (words, tails) = panel.split_at(weights);
            Panel { words, tails: tails.as_chunks().0 }
        })
    }
}

fn panel_words(format: PackedFormat, shape: Shape) -> usize {
    (format.depth(shape.inputs) + format.tails()) * PANEL_COLUMNS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_channels_as_columns() {
        let shape = Shape { outputs: 50, inputs: 5 };
        let panels = Panels::pack(PackedFormat::Q8, shape, |channel, words, tails| {
            words.copy_from_slice(&[channel as u32, 1000 + channel as u32]);
            tails.copy_from_slice(&[2000 + channel as u32, 3000, 4000]);
        });
        let second = panels.panels(1, 1).next().unwrap();
        assert_eq!(second.words.len(), 2 * PANEL_COLUMNS);
        assert_eq!(second.words[..3], [48, 49, 0]);
        assert_eq!(second.words[PANEL_COLUMNS..][..3], [1048, 1049, 0]);
        assert_eq!(second.tail(0)[..3], [2048, 2049, 0]);
        assert_eq!(second.words.as_ptr().addr() % size_of::<Line>(), 0);
    }
}
