//! GPT-2's pattern, which cuts a text into what byte-level BPE then merges piece by piece:
//!
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
//!
//! Every character is in exactly one piece, and where a piece ends depends on one character behind it.

use super::characters::{Class, Classes};

const CONTRACTIONS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// Pieces of a text, from left to right.
pub struct Pieces<'a> {
    rest: &'a str,
    classes: &'static Classes,
}

impl<'a> Pieces<'a> {
    pub fn of(text: &'a str) -> Self {
        Self { rest: text, classes: Classes::table() }
    }

    /// Bytes of the first piece.
    #[inline]
    fn first(&self, first: char) -> usize {
        let rest = self.rest;
        if first == '\''
            && let Some(contraction) = CONTRACTIONS.iter().find(|contraction| rest.starts_with(**contraction))
        {
            return contraction.len();
        }
        match self.classes.of(first) {
            Class::Space => {}
            class => return self.run(0, class),
        }
        if first == ' '
            && let Some(second) = rest[1..].chars().next()
        {
            match self.classes.of(second) {
                Class::Space => {}
                class => return self.run(1, class),
            }
        }
        let end = self.run(0, Class::Space);
        // `(?!\S)`: the last blank goes with what follows, unless it is the only one.
        match rest[..end].char_indices().next_back() {
            Some((last, _)) if end < rest.len() && last > 0 => last,
            _ => end,
        }
    }

    /// Where characters of `class` end that stand at `start`.
    #[inline]
    fn run(&self, start: usize, class: Class) -> usize {
        let run = &self.rest[start..];
        let end = run.char_indices().find(|(_, character)| self.classes.of(*character) != class);
        start + end.map_or(run.len(), |(end, _)| end)
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        let first = self.rest.chars().next()?;
        let (piece, rest) = self.rest.split_at(self.first(first));
        self.rest = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokenizers::{
        NormalizedString, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, SplitDelimiterBehavior,
        pre_tokenizers::split::{Split, SplitPattern},
    };

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn cuts_as_the_regular_expression_does(
            text in "([ \\t\\n\\u{a0}\\u{3000}\\u{85}\\u{200b}']|'[strevmld]{1,2}|[a-z]{1,3}|[0-9²Ⅳ]|[é日ª‿\u{301}]|[!?.]|\\PC){0,40}",
        ) {
            let pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
            let split =
                Split::new(SplitPattern::Regex(pattern.to_owned()), SplitDelimiterBehavior::Isolated, false).unwrap();
            let mut expected = PreTokenizedString::from(NormalizedString::from(text.as_str()));
            split.pre_tokenize(&mut expected).unwrap();
            let expected: Vec<&str> = expected
                .get_splits(OffsetReferential::Original, OffsetType::Byte)
                .into_iter()
                .map(|(piece, _, _)| piece)
                .collect();
            prop_assert_eq!(Pieces::of(&text).collect::<Vec<_>>(), expected);
        }
    }
}
