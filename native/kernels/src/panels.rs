//! Weights, packed once into the panels of [`layout`](crate::layout).

use crate::{
    huge_pages::Lines,
    layout::{PANEL_COLUMNS, PackedFormat, Panel, Shape},
    words::{Line, words_of_lines, words_of_lines_mut},
};

/// The packed weights of one linear operator.
pub(crate) struct Panels {
    lines: Lines,
    format: PackedFormat,
    shape: Shape,
}

impl Panels {
    /// Packs channel by channel. `pack(channel, words, tails)` fills one channel's words and tail values.
    pub(crate) fn pack(
        format: PackedFormat,
        shape: Shape,
        mut pack: impl FnMut(usize, &mut [u32], &mut [u32]),
    ) -> Self {
        let panel_words = panel_words(format, shape);
        let mut lines = Lines::zeroed(Self::bytes(format, shape) / size_of::<Line>());
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

    /// Bytes that the packed weights of an operator of this shape take.
    pub(crate) fn bytes(format: PackedFormat, shape: Shape) -> usize {
        shape.panels() * panel_words(format, shape) * size_of::<u32>()
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The `count` panels from number `first` on.
    pub(crate) fn panels(&self, first: usize, count: usize) -> impl Iterator<Item = Panel<'_>> + Clone {
        let size = panel_words(self.format, self.shape);
        let depth = self.format.depth(self.shape.inputs);
        let words = &words_of_lines(&self.lines)[first * size..][..count * size];
        words.chunks_exact(size).map(move |panel| Panel::new(panel, depth))
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
