//! Lays the token ids of many texts out as one batch.
//!
//! [`Packed`] is what Chorus's own operators read, one row of tokens; [`Rectangle`] what an ONNX file of somebody else's
//! does.

use crate::spec::ModelSpec;

/// A batch as one row of tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Of all texts, one after another.
    pub ids: Vec<u32>,
    /// For each token its row in the position table.
    pub positions: Vec<u32>,
    /// The first token of each text, and the number of all.
    pub offsets: Vec<usize>,
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

impl Packed {
    /// Packs `texts`, each a non-empty list of token ids with its special tokens.
    pub fn new(texts: &[&[u32]], rule: PositionRule) -> Self {
        let tokens = texts.iter().map(|text| text.len()).sum();
        let mut packed = Self {
            ids: Vec::with_capacity(tokens),
            positions: Vec::with_capacity(tokens),
            offsets: Vec::with_capacity(texts.len() + 1),
        };
        for text in texts {
            packed.offsets.push(packed.ids.len());
            packed.ids.extend_from_slice(text);
            packed.positions.extend(rule.positions(text));
        }
        packed.offsets.push(tokens);
        packed
    }

    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    pub fn texts(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Tokens of the longest text.
    pub fn longest(&self) -> usize {
        self.offsets.windows(2).map(|text| text[1] - text[0]).max().unwrap_or(0)
    }
}

/// The inputs of an ordinary ONNX graph, row-major `[texts, longest]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rectangle {
    pub ids: Vec<i64>,
    /// 1 for a token, 0 for padding.
    pub mask: Vec<i64>,
    pub longest: usize,
}

impl Rectangle {
    pub fn new(texts: &[&[u32]], padding: u32) -> Self {
        Self::of_length(texts, padding, texts.iter().map(|text| text.len()).max().unwrap_or(0))
    }

    /// With so many columns, of which no text may have more.
    pub fn of_length(texts: &[&[u32]], padding: u32, longest: usize) -> Self {
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
        let packed = Packed::new(&[&[0, 7, 2], &[0, 2]], PositionRule::BehindPadding { padding: 1 });
        assert_eq!(packed.ids, [0, 7, 2, 0, 2]);
        assert_eq!(packed.positions, [2, 3, 4, 2, 3]);
        assert_eq!(packed.offsets, [0, 3, 5]);
        assert_eq!((packed.tokens(), packed.texts(), packed.longest()), (5, 2, 3));
    }

    #[test]
    fn a_padding_id_inside_a_roberta_text_is_not_counted() {
        let packed = Packed::new(&[&[0, 1, 5, 2]], PositionRule::BehindPadding { padding: 1 });
        assert_eq!(packed.positions, [2, 1, 3, 4]);
        assert_eq!(Packed::new(&[&[0, 1, 5]], PositionRule::FromZero).positions, [0, 1, 2]);
    }

    #[test]
    fn pads_to_the_longest_text() {
        let batch = Rectangle::new(&[&[5, 6, 7], &[5]], 9);
        assert_eq!(batch.ids, [5, 6, 7, 5, 9, 9]);
        assert_eq!(batch.mask, [1, 1, 1, 1, 0, 0]);
    }

    proptest! {
        #[test]
        fn every_text_lies_between_its_offsets(
            texts in prop::collection::vec(prop::collection::vec(0u32..100, 1..20), 1..12)
        ) {
            let views: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            let packed = Packed::new(&views, PositionRule::FromZero);
            let back: Vec<&[u32]> = packed.offsets.windows(2).map(|ends| &packed.ids[ends[0]..ends[1]]).collect();
            prop_assert_eq!(back, views);
            prop_assert_eq!(packed.longest(), texts.iter().map(Vec::len).max().unwrap());
        }
    }
}
