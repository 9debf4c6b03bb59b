//! SentencePiece's normalization, character by character from left to right.
//!
//! `Precompiled` maps graphemes: one of fewer than six bytes is looked up as a whole, and what its first
//! bytes map to replaces all of it; otherwise each of its characters is looked up. Nearly all graphemes
//! are single characters, and [`stands_alone`] tells so without the tables of Unicode.

use std::ops::ControlFlow;

use serde_json::{Value, json};
use tokenizers::{NormalizerWrapper, normalizers::Precompiled};
use unicode_segmentation::UnicodeSegmentation;

/// Longer graphemes are never looked up as a whole.
const MAX_LOOKED_UP_BYTES: usize = 5;
/// What the only `Replace` that XLM-RoBERTa's files have looks for.
const REPEATED_BLANKS: &str = " {2,}";

#[derive(Default)]
pub struct Normalizer {
    map: Option<CharacterMap>,
    strips_end: bool,
    /// What two and more blanks become.
    repeated_blanks: Option<String>,
}

struct CharacterMap {
    precompiled: Precompiled,
    /// Whether an ASCII character stays as it is.
    kept: [bool; 128],
}

impl Normalizer {
    /// `None` if it has parts, or an order of parts, that are not covered.
    pub fn new(wrapper: Option<&NormalizerWrapper>) -> Option<Self> {
        let mut normalizer = Self::default();
        let parts = match wrapper {
            None => &[],
            Some(NormalizerWrapper::Sequence(sequence)) => sequence.as_ref(),
            Some(part) => std::slice::from_ref(part),
        };
        for part in parts {
            let blanks_done = normalizer.repeated_blanks.is_some();
            match part {
                NormalizerWrapper::Precompiled(map)
                    if normalizer.map.is_none() && !normalizer.strips_end && !blanks_done =>
                {
                    normalizer.map = Some(CharacterMap::new(map.clone()));
                }
                NormalizerWrapper::StripNormalizer(strip)
                    if !strip.strip_left && strip.strip_right && !normalizer.strips_end && !blanks_done =>
                {
                    normalizer.strips_end = true;
                }
                NormalizerWrapper::Replace(replace) if !blanks_done => {
                    let description = serde_json::to_value(replace).ok()?;
                    let pattern = description.get("pattern").unwrap_or(&Value::Null);
                    if *pattern != json!({"Regex": REPEATED_BLANKS}) {
                        return None;
                    }
                    normalizer.repeated_blanks = Some(replace.content.clone());
                }
                _ => return None,
            }
        }
        Some(normalizer)
    }

    /// Gives the normalized characters of `text` to `sink`, until it has enough.
    ///
    /// `held` is scratch for blanks of which it depends on what follows what they become.
    #[inline]
    pub fn run(&self, text: &str, held: &mut String, mut sink: impl FnMut(char) -> ControlFlow<()>) -> ControlFlow<()> {
        if !self.strips_end && self.repeated_blanks.is_none() {
            return self.map(text, sink);
        }
        held.clear();
        self.map(text, |character| {
            let held_back = if self.strips_end { character.is_whitespace() } else { character == ' ' };
            if held_back {
                held.push(character);
                return ControlFlow::Continue(());
            }
            self.release(held, &mut sink)?;
            sink(character)
        })?;
        if self.strips_end {
            return ControlFlow::Continue(());
        }
        self.release(held, &mut sink)
    }

    /// A text that is normalized as a whole.
    pub fn normalize(&self, text: &str) -> String {
        let mut normalized = String::new();
        let _ = self.run(text, &mut String::new(), |character| {
            normalized.push(character);
            ControlFlow::Continue(())
        });
        normalized
    }

    fn release(&self, held: &mut String, sink: &mut impl FnMut(char) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut rest = held.as_str();
        while let Some(first) = rest.chars().next() {
            let blanks = rest.len() - rest.trim_start_matches(' ').len();
            let taken = match &self.repeated_blanks {
                Some(replacement) if blanks > 1 => {
                    replacement.chars().try_for_each(&mut *sink)?;
                    blanks
                }
                _ => {
                    sink(first)?;
                    first.len_utf8()
                }
            };
            rest = &rest[taken..];
        }
        held.clear();
        ControlFlow::Continue(())
    }

    #[inline]
    fn map(&self, text: &str, mut sink: impl FnMut(char) -> ControlFlow<()>) -> ControlFlow<()> {
        let Some(map) = &self.map else {
            return text.chars().try_for_each(sink);
        };
        let mut characters = text.char_indices();
        let mut next = characters.next();
        while let Some((start, first)) = next {
            next = characters.next();
            if stands_alone(first) && next.is_none_or(|(_, second)| stands_alone(second)) {
                map.character(first, &mut sink)?;
                continue;
            }
            let mut last = first;
            while let Some((_, character)) = next
                && !(stands_alone(last) && stands_alone(character))
            {
                last = character;
                next = characters.next();
            }
            let end = next.map_or(text.len(), |(end, _)| end);
            text[start..end].graphemes(true).try_for_each(|grapheme| map.grapheme(grapheme, &mut sink))?;
        }
        ControlFlow::Continue(())
    }
}

impl CharacterMap {
    fn new(precompiled: Precompiled) -> Self {
        let kept = std::array::from_fn(|code| {
            let character = char::from(code as u8);
            precompiled.transform(character.encode_utf8(&mut [0; 4])).is_none()
        });
        Self { precompiled, kept }
    }

    fn grapheme(&self, grapheme: &str, sink: &mut impl FnMut(char) -> ControlFlow<()>) -> ControlFlow<()> {
        if grapheme.len() <= MAX_LOOKED_UP_BYTES
            && let Some(mapped) = self.precompiled.transform(grapheme)
        {
            return mapped.chars().try_for_each(sink);
        }
        grapheme.chars().try_for_each(|character| self.character(character, sink))
    }

    #[inline]
    fn character(&self, character: char, sink: &mut impl FnMut(char) -> ControlFlow<()>) -> ControlFlow<()> {
        if self.kept.get(character as usize).copied().unwrap_or(false) {
            return sink(character);
        }
        match self.precompiled.transform(character.encode_utf8(&mut [0; 4])) {
            Some(mapped) => mapped.chars().try_for_each(sink),
            None => sink(character),
        }
    }
}

/// Between two characters that stand alone there is always a grapheme boundary.
///
/// True of everything that is not an Extend, ZWJ, `SpacingMark`, Prepend, conjoining jamo (L, V, T),
/// regional indicator or carriage return (UAX #29: each rule that joins two characters needs one of
/// them). Not all such characters are listed, only ranges that much text consists of.
#[inline]
fn stands_alone(character: char) -> bool {
    let code = character as u32;
    if code < 0x300 {
        return code != 0x0d;
    }
    STANDING_ALONE
        .binary_search_by(|(first, last)| {
            if *last < code {
                std::cmp::Ordering::Less
            } else if *first > code {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

const STANDING_ALONE: [(u32, u32); 30] = [
    (0x0370, 0x0482),
    (0x048a, 0x0590),
    (0x05d0, 0x05ff),
    (0x0606, 0x060f),
    (0x061b, 0x064a),
    (0x0660, 0x066f),
    (0x0671, 0x06d5),
    (0x06ee, 0x070e),
    (0x0e01, 0x0e30),
    (0x0e3f, 0x0e46),
    (0x0e4f, 0x0e80),
    (0x10a0, 0x10ff),
    (0x1e00, 0x200b),
    (0x200e, 0x20cf),
    (0x20f1, 0x2cee),
    (0x2d30, 0x2d7e),
    (0x2e00, 0x3029),
    (0x3030, 0x3098),
    (0x309b, 0xa66e),
    (0xac00, 0xd7a3),
    (0xe000, 0xfb1d),
    (0xfb1f, 0xfdff),
    (0xfe10, 0xfe1f),
    (0xfe30, 0xff9d),
    (0xffa0, 0xffff),
    (0x1_f000, 0x1_f1e5),
    (0x1_f200, 0x1_f3fa),
    (0x1_f400, 0x1_faff),
    (0x2_0000, 0x3_ffff),
    (0xf_0000, 0x10_ffff),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_alone_joins_nothing() {
        let joined = |text: &str| text.graphemes(true).count() == 1;
        for character in (0..=0x10_ffff).filter_map(char::from_u32).filter(|character| stands_alone(*character)) {
            // Behind a letter, a precomposed syllable and a flag's first half; before a letter and a jamo.
            for before in ['a', '\u{ac00}', '\u{1f1e6}'] {
                assert!(!joined(&format!("{before}{character}")), "{before:?} {character:?}");
            }
            for behind in ['a', '\u{1100}'] {
                assert!(!joined(&format!("{character}{behind}")), "{character:?} {behind:?}");
            }
            assert!(!joined(&format!("{character}\n")) && !joined(&format!("\r{character}")) || character == '\n');
        }
    }
}
