//! XLM-RoBERTa's way from a text to ids: normalize, cut into words that begin with `▁`, segment each.
//!
//! All three happen in one pass from left to right, so that a long text is read no further than its
//! first ids need.

use std::ops::ControlFlow;

use tokenizers::{
    PreTokenizerWrapper,
    pre_tokenizers::metaspace::{Metaspace, PrependScheme},
};

use super::{
    Wanted,
    added::AddedTokens,
    normalizer::Normalizer,
    streamed::{Held, Sink, StreamedTokens},
    unigram::{Paths, Unigram},
};

/// Stands for a blank, at the beginning of a word.
const MARK: char = '▁';
/// Bytes of a word for each wanted id before its first ids are looked for: with fewer there are hardly
/// enough, and nearly all words have ended by then.
const BYTES_PER_ID: usize = 4;
const MIN_UNENDED_BYTES: usize = 512;
/// Scratch that a thread keeps.
const KEPT_BYTES: usize = 1 << 14;

pub struct MetaspaceUnigram {
    normalizer: Normalizer,
    /// Looked for in normalized text.
    added: StreamedTokens,
    model: Unigram,
    /// Whether any white space ends a word and vanishes; otherwise a blank is a mark.
    splits_at_whitespace: bool,
    /// Whether a text that does not begin with a mark gets one.
    prepends_mark: bool,
}

#[derive(Default)]
pub struct Scratch {
    word: Vec<u8>,
    paths: Paths,
    blanks: String,
    held: Held,
}

impl MetaspaceUnigram {
    /// `added` are tokens that are looked for in normalized text. `None` for a pre-tokenizer that is not covered.
    pub fn new(
        normalizer: Normalizer,
        added: AddedTokens,
        pre_tokenizer: &PreTokenizerWrapper,
        model: Unigram,
    ) -> Option<Self> {
        let parts = match pre_tokenizer {
            PreTokenizerWrapper::Sequence(sequence) => sequence.as_ref(),
            part => std::slice::from_ref(part),
        };
        let (splits_at_whitespace, metaspace): (bool, &Metaspace) = match parts {
            [PreTokenizerWrapper::WhitespaceSplit(_), PreTokenizerWrapper::Metaspace(metaspace)] => (true, metaspace),
            [PreTokenizerWrapper::Metaspace(metaspace)] => (false, metaspace),
            _ => return None,
        };
        let prepends_mark = match metaspace.prepend_scheme {
            PrependScheme::Always => true,
            PrependScheme::Never => false,
            // Depends on what the normalizer removed before, and no XLM-RoBERTa has it.
            PrependScheme::First => return None,
        };
        let covered = metaspace.split && metaspace.get_replacement() == MARK;
        let added = StreamedTokens::new(added, |content| normalizer.normalize(content))?;
        covered.then_some(Self { normalizer, added, model, splits_at_whitespace, prepends_mark })
    }

    /// Appends the ids of `text`, a part between added tokens; breaks when there are more than wanted.
    pub fn encode(&self, text: &str, scratch: &mut Scratch, wanted: &mut Wanted) -> ControlFlow<()> {
        let Scratch { word, paths, blanks, held } = scratch;
        // A panic may have left something behind, and an endless word more memory than usual.
        paths.clear();
        word.clear();
        word.shrink_to(KEPT_BYTES);
        blanks.clear();
        blanks.shrink_to(KEPT_BYTES);
        held.clear();
        let mut words = Words { of: self, word, paths, wanted, next_look: 0, at_start: true };
        words.schedule_look();
        if self.added.is_empty() {
            self.normalizer.run(text, blanks, |character| words.push(character))?;
        } else {
            self.normalizer.run(text, blanks, |character| self.added.push(character, held, &mut words))?;
            self.added.end(held, &mut words)?;
        }
        words.end_word()
    }
}

/// Words as they come in.
struct Words<'a> {
    of: &'a MetaspaceUnigram,
    word: &'a mut Vec<u8>,
    paths: &'a mut Paths,
    wanted: &'a mut Wanted,
    /// Bytes of an unended word at which its first ids are looked for.
    next_look: usize,
    /// Whether a word without a mark begins here.
    at_start: bool,
}

impl Sink for Words<'_> {
    #[inline]
    fn character(&mut self, character: char) -> ControlFlow<()> {
        self.push(character)
    }

    fn token(&mut self, id: u32) -> ControlFlow<()> {
        self.end_word()?;
        self.at_start = true;
        let more = self.wanted.add(id);
        self.schedule_look();
        more
    }
}

impl Words<'_> {
    #[inline]
    fn push(&mut self, character: char) -> ControlFlow<()> {
        if character == MARK || (character == ' ' && !self.of.splits_at_whitespace) {
            self.end_word()?;
            self.append(MARK);
        } else if self.of.splits_at_whitespace && character.is_whitespace() {
            self.end_word()?;
            self.at_start = true;
            return ControlFlow::Continue(());
        } else {
            if self.at_start && self.of.prepends_mark {
                self.append(MARK);
            }
            self.append(character);
        }
        self.at_start = false;
        if self.word.len() < self.next_look {
            return ControlFlow::Continue(());
        }
        self.look()
    }

    #[inline]
    fn append(&mut self, character: char) {
        match u8::try_from(character) {
            Ok(byte) if byte.is_ascii() => self.word.push(byte),
            _ => self.word.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }

    #[inline]
    fn end_word(&mut self) -> ControlFlow<()> {
        if self.word.is_empty() {
            return ControlFlow::Continue(());
        }
        self.of.model.finish(self.paths, self.word, &mut self.wanted.ids);
        self.word.clear();
        self.schedule_look();
        self.wanted.more()
    }

    fn schedule_look(&mut self) {
        let missing = self.wanted.missing();
        self.next_look = missing.saturating_mul(BYTES_PER_ID).max(MIN_UNENDED_BYTES);
    }

    /// Are the first ids of a word certain that has not ended yet?
    #[cold]
    fn look(&mut self) -> ControlFlow<()> {
        let missing = self.wanted.missing();
        if self.of.model.settle(self.paths, self.word, missing, &mut self.wanted.ids) {
            return ControlFlow::Break(());
        }
        self.next_look *= 2;
        ControlFlow::Continue(())
    }
}
