//! Packed weights: the layout that the kernels read, and its form as bytes.
//!
//! ```text
//! header       one cache line: magic, version, format, outputs, inputs, zeros
//! panel 0      words[depth][PANEL_COLUMNS]   weights; a word spans 4 (int8), 2 (bf16) or 1 (f32) inputs
//!              tail[format.tails()][PANEL_COLUMNS]   per output channel: see `PackedFormat`
//! panel 1 …    the last panel is filled up with zeros
//! ```
//!
//! Every panel starts on a cache line and nothing in it is an address, so the bytes can be written to a
//! file, mapped anywhere on a 64-byte boundary, and used in place by every instruction set.

use std::{error::Error, fmt, sync::Arc};

use crate::huge_pages::Lines;
use crate::linear::Shape;
use crate::tile::PANEL_COLUMNS;
use crate::words::{Line, bytes_of_words, words_of_bytes, words_of_lines, words_of_lines_mut};

/// Version of the packed layout. It changes whenever the bytes of the same weights would.
pub const PACKED_VERSION: u32 = 1;

const MAGIC: u32 = u32::from_ne_bytes(*b"CHPK");

/// How the inputs of one output channel are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PackedFormat {
    /// Four int8 to the word; tails: column sums (i32), scales (f32), biases (f32).
    Q8 = 1,
    /// Two bf16 to the word; tail: biases (f32).
    Bf16 = 2,
    /// One f32 to the word; tail: biases (f32).
    F32 = 3,
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

/// Why bytes are not a packed operator of the wanted kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PackedError {
    /// The bytes do not start on a 64-byte boundary, or do not fill whole cache lines.
    Alignment,
    /// The bytes hold another number format, or nothing that was packed here.
    Format,
    /// The bytes are fewer or more than their header says.
    Length { expected: usize, found: usize },
    /// The bytes were packed by another version of this crate.
    Version { expected: u32, found: u32 },
}

impl fmt::Display for PackedError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alignment => formatter.write_str("packed weights are not aligned to 64 bytes"),
            Self::Format => formatter.write_str("not packed weights of this number format"),
            Self::Length { expected, found } => write!(formatter, "packed weights of {found} bytes, not {expected}"),
            Self::Version { expected, found } => write!(formatter, "packed weights of version {found}, not {expected}"),
        }
    }
}

impl Error for PackedError {}

/// Bytes that someone else keeps, such as a mapped file. They must not change while they are shared.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

enum Storage {
    Owned(Lines),
    Shared(SharedBytes),
}

/// The packed weights of one linear operator.
pub(crate) struct Panels {
    storage: Storage,
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
        let mut lines = Lines::zeroed(packed_bytes(format, shape) / size_of::<Line>());
        let words = words_of_lines_mut(&mut lines);
        words[..5].copy_from_slice(&[
            MAGIC,
            PACKED_VERSION,
            format as u32,
            u32::try_from(shape.outputs).expect("an operator has fewer than 2³² outputs"),
            u32::try_from(shape.inputs).expect("an operator has fewer than 2³² inputs"),
        ]);
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
            let panel = &mut words[Line::WORDS + first / PANEL_COLUMNS * panel_words..][..panel_words];
            let (rows, _) = panel.as_chunks_mut::<PANEL_COLUMNS>();
            for (index, row) in rows.iter_mut().enumerate() {
                let line = &mut row[first % PANEL_COLUMNS..][..Line::WORDS];
                for (word, channel) in line.iter_mut().zip(channels.chunks_exact(length)) {
                    *word = channel[index];
                }
            }
        }
        Self { storage: Storage::Owned(lines), format, shape }
    }

    pub(crate) fn from_bytes(format: PackedFormat, bytes: SharedBytes) -> Result<Self, PackedError> {
        let words = words_of_bytes((*bytes).as_ref()).ok_or(PackedError::Alignment)?;
        let Some(&[magic, version, packed_format, outputs, inputs]) = words.first_chunk() else {
            return Err(PackedError::Format);
        };
        if magic != MAGIC {
            return Err(PackedError::Format);
        }
        if version != PACKED_VERSION {
            return Err(PackedError::Version { expected: PACKED_VERSION, found: version });
        }
        if packed_format != format as u32 || outputs == 0 || inputs == 0 {
            return Err(PackedError::Format);
        }
        let shape = Shape { outputs: outputs as usize, inputs: inputs as usize };
        let (expected, found) = (packed_bytes(format, shape), words.len() * 4);
        if expected != found {
            return Err(PackedError::Length { expected, found });
        }
        Ok(Self { storage: Storage::Shared(bytes), format, shape })
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        bytes_of_words(self.words())
    }

    /// All panels that hold a column of `columns`.
    pub(crate) fn panels(&self, first: usize, count: usize) -> impl Iterator<Item = Panel<'_>> + Clone {
        let size = panel_words(self.format, self.shape);
        let weights = self.format.depth(self.shape.inputs) * PANEL_COLUMNS;
        self.words()[Line::WORDS + first * size..][..count * size].chunks_exact(size).map(move |panel| {
            let (words, tails) = panel.split_at(weights);
            Panel { words, tails: tails.as_chunks().0 }
        })
    }

    fn words(&self) -> &[u32] {
        match &self.storage {
            Storage::Owned(lines) => words_of_lines(lines),
            Storage::Shared(bytes) => {
                words_of_bytes((**bytes).as_ref()).expect("shared bytes stay where they were when they were checked")
            }
        }
    }
}

fn panel_words(format: PackedFormat, shape: Shape) -> usize {
    (format.depth(shape.inputs) + format.tails()) * PANEL_COLUMNS
}

fn packed_bytes(format: PackedFormat, shape: Shape) -> usize {
    (Line::WORDS + shape.panels() * panel_words(format, shape)) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { outputs: 50, inputs: 5 };

    fn packed() -> Panels {
        Panels::pack(PackedFormat::Q8, SHAPE, |channel, words, tails| {
            words.copy_from_slice(&[channel as u32, 1000 + channel as u32]);
            tails.copy_from_slice(&[2000 + channel as u32, 3000, 4000]);
        })
    }

    struct Aligned(Vec<Line>, usize);

    impl AsRef<[u8]> for Aligned {
        fn as_ref(&self) -> &[u8] {
            &bytes_of_words(words_of_lines(&self.0))[..self.1]
        }
    }

    fn shared(bytes: &[u8]) -> SharedBytes {
        let mut lines = vec![Line::ZERO; bytes.len().div_ceil(64)];
        for (word, chunk) in words_of_lines_mut(&mut lines).iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_ne_bytes(chunk.try_into().unwrap());
        }
        Arc::new(Aligned(lines, bytes.len()))
    }

    #[test]
    fn panels_hold_channels_as_columns() {
        let panels = packed();
        let second = panels.panels(1, 1).next().unwrap();
        assert_eq!(second.words.len(), 2 * PANEL_COLUMNS);
        assert_eq!(second.words[..3], [48, 49, 0]);
        assert_eq!(second.words[PANEL_COLUMNS..][..3], [1048, 1049, 0]);
        assert_eq!(second.tail(0)[..3], [2048, 2049, 0]);
        assert_eq!(panels.as_bytes().as_ptr().addr() % 64, 0);
    }

    #[test]
    fn bytes_make_the_same_panels() {
        let packed = packed();
        let mapped = Panels::from_bytes(PackedFormat::Q8, shared(packed.as_bytes())).unwrap();
        assert_eq!(mapped.shape(), SHAPE);
        assert_eq!(mapped.as_bytes(), packed.as_bytes());
    }

    #[test]
    fn foreign_bytes_are_refused() {
        let bytes = packed().as_bytes().to_vec();
        let refused = |format, bytes: &[u8]| Panels::from_bytes(format, shared(bytes)).err().unwrap();
        assert_eq!(refused(PackedFormat::F32, &bytes), PackedError::Format);
        assert_eq!(refused(PackedFormat::Q8, &bytes[..60]), PackedError::Alignment);
        assert_eq!(refused(PackedFormat::Q8, &[]), PackedError::Format);
        let found = bytes.len() - 64;
        assert_eq!(refused(PackedFormat::Q8, &bytes[..found]), PackedError::Length { expected: found + 64, found });
        let mut newer = bytes.clone();
        newer[4..8].copy_from_slice(&9_u32.to_ne_bytes());
        assert_eq!(refused(PackedFormat::Q8, &newer), PackedError::Version { expected: PACKED_VERSION, found: 9 });
        let mut other = bytes;
        other[0] = 0;
        assert_eq!(refused(PackedFormat::Q8, &other), PackedError::Format);
    }
}
