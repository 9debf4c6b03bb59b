//! Lays the token ids of many texts out as one batch.
//!
//! [`PackedBatch`] and [`OffsetBatch`] are the inputs of Chorus's own graphs (one row of tokens; which of them,
//! `graph::Layout` says), [`PaddedBatch`] that of any other ONNX file (a rectangle).

mod offsets;
mod shape;

pub use self::{offsets::OffsetBatch, shape::BatchShape};
use crate::spec::ModelSpec;

/// The inputs of a packed graph; see `graph::input` for what each array means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedBatch {
    pub ids: Vec<i64>,
    pub positions: Vec<i64>,
    /// Row-major `[texts, longest]`.
    pub pad: Vec<i64>,
    pub unpad: Vec<i64>,
    pub lengths: Vec<i32>,
    pub first: Vec<i64>,
    /// Tokens of the longest text.
    pub longest: usize,
}

/// How an architecture numbers positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionRule {
    /// 0, 1, 2, …
    FromZero,
    /// RoBERTa's: tokens count from `padding + 1`; a padding id inside a text (the text spells
    /// `<pad>`) has position `padding` and is not counted, as `create_position_ids_from_input_ids`
    /// in `transformers` does.
    BehindPadding { padding: u32 },
}

impl PositionRule {
    /// The rule of `spec`'s architecture.
    pub fn of(spec: &ModelSpec) -> Self {
        if spec.architecture.is_roberta_family() {
            Self::BehindPadding { padding: spec.pad_token_id }
        } else {
            Self::FromZero
        }
    }

    /// The rows of the position table that the tokens of `text` read.
    fn positions(self, text: &[u32]) -> impl Iterator<Item = u32> {
        let mut next = match self {
            Self::FromZero => 0,
            Self::BehindPadding { padding } => padding + 1,
        };
        text.iter().map(move |&id| match self {
            Self::BehindPadding { padding } if id == padding => padding,
            _ => {
                next += 1;
                next - 1
            }
        })
    }
}

impl PackedBatch {
    /// Packs `texts`, each a non-empty list of token ids with its special tokens.
    pub fn new(texts: &[&[u32]], rule: PositionRule) -> Self {
        let tokens = texts.iter().map(|text| text.len()).sum();
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut batch = Self {
            ids: Vec::with_capacity(tokens),
            positions: Vec::with_capacity(tokens),
            pad: Vec::with_capacity(texts.len() * longest),
            unpad: Vec::with_capacity(tokens),
            lengths: Vec::with_capacity(texts.len()),
            first: Vec::with_capacity(texts.len()),
            longest,
        };
        for (row, text) in texts.iter().enumerate() {
            batch.push(row, text, rule);
        }
        batch
    }

    fn push(&mut self, row: usize, text: &[u32], rule: PositionRule) {
        let start = self.ids.len() as i64;
        let (length, longest) = (text.len() as i64, self.longest as i64);
        self.first.push(start);
        self.lengths.push(length as i32);
        self.ids.extend(text.iter().map(|&id| i64::from(id)));
        self.positions.extend(rule.positions(text).map(i64::from));
        // A padding cell repeats the text's first token: a valid index, masked by `lengths`.
        self.pad.extend((0..longest).map(|column| if column < length { start + column } else { start }));
        self.unpad.extend((0..length).map(|column| row as i64 * longest + column));
    }
}

/// The inputs of an ordinary ONNX graph, row-major `[texts, longest]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaddedBatch {
    pub ids: Vec<i64>,
    /// 1 for a token, 0 for padding.
    pub mask: Vec<i64>,
    pub longest: usize,
}

impl PaddedBatch {
    pub fn new(texts: &[&[u32]], padding: u32) -> Self {
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
        let mut batch = Self { longest, ..Self::default() };
        for text in texts {
            let missing = longest - text.len();
            batch.ids.extend(text.iter().map(|&id| i64::from(id)));
            batch.ids.extend(std::iter::repeat_n(i64::from(padding), missing));
            batch.mask.extend(std::iter::repeat_n(1, text.len()));
            batch.mask.extend(std::iter::repeat_n(0, missing));
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packs_texts_of_different_lengths() {
        let batch = PackedBatch::new(&[&[0, 7, 2], &[0, 2]], PositionRule::BehindPadding { padding: 1 });
        assert_eq!(batch.ids, [0, 7, 2, 0, 2]);
        assert_eq!(batch.positions, [2, 3, 4, 2, 3]);
        assert_eq!(batch.pad, [0, 1, 2, 3, 4, 3]);
        assert_eq!(batch.unpad, [0, 1, 2, 3, 4]);
        assert_eq!((batch.lengths, batch.first, batch.longest), (vec![3, 2], vec![0, 3], 3));
    }

    #[test]
    fn a_padding_id_inside_a_roberta_text_is_not_counted() {
        let batch = PackedBatch::new(&[&[0, 1, 5, 2]], PositionRule::BehindPadding { padding: 1 });
        assert_eq!(batch.positions, [2, 1, 3, 4]);
        assert_eq!(PackedBatch::new(&[&[0, 1, 5]], PositionRule::FromZero).positions, [0, 1, 2]);
    }

    #[test]
    fn pads_to_the_longest_text() {
        let batch = PaddedBatch::new(&[&[5, 6, 7], &[5]], 9);
        assert_eq!(batch.ids, [5, 6, 7, 5, 9, 9]);
        assert_eq!(batch.mask, [1, 1, 1, 1, 0, 0]);
    }

    proptest! {
        #[test]
        fn padding_and_unpadding_give_every_token_back(
            texts in prop::collection::vec(prop::collection::vec(0u32..100, 1..20), 1..12)
        ) {
            let views: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let batch = PackedBatch::new(&views, PositionRule::FromZero);
            let rectangle: Vec<i64> = batch.pad.iter().map(|&index| batch.ids[index as usize]).collect();
            let back: Vec<i64> = batch.unpad.iter().map(|&cell| rectangle[cell as usize]).collect();
            prop_assert_eq!(&back, &batch.ids);
            prop_assert_eq!(batch.pad.len(), texts.len() * batch.longest);
            let firsts: Vec<i64> = batch.first.iter().map(|&index| batch.ids[index as usize]).collect();
            let expected: Vec<i64> = texts.iter().map(|text| i64::from(text[0])).collect();
            prop_assert_eq!(firsts, expected);
        }
    }
}
