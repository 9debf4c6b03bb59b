//! The same ids as `tokenizers`, an order of magnitude faster, for the two tokenizers that matter most:
//! XLM-RoBERTa's (SentencePiece Unigram) and RoBERTa's (byte-level BPE).
//!
//! - `added`: added tokens written out in a text split it first; `streamed`: those that are looked for in normalized
//!   text
//! - `metaspace`: Unigram's way, over `normalizer` and `unigram`
//! - `byte_level`: RoBERTa's way, over `pattern` (with the classes of `characters`) and `bpe` (with `pairs`)
//! - `trie`: the vocabulary
//!
//! [`Fast::from_tokenizer`] takes only descriptions of which every part is covered exactly; all others stay
//! with the library, which is also the oracle of the tests.

mod added;
mod bpe;
mod byte_level;
mod characters;
mod metaspace;
mod normalizer;
mod pairs;
mod pattern;
mod streamed;
#[cfg(test)]
mod tests;
mod trie;
mod unigram;

use std::{cell::RefCell, mem, ops::ControlFlow};

use tokenizers::{ModelWrapper, Tokenizer};

use self::{
    added::{AddedTokens, Part},
    byte_level::ByteLevelBpe,
    metaspace::MetaspaceUnigram,
    normalizer::Normalizer,
    unigram::Unigram,
};
use super::Encoded;

/// A tokenizer whose every part is covered. It holds no lock and no cache: threads do not meet.
pub struct Fast {
    /// Tokens looked for in the text as it came, and those then looked for in what is between them.
    added: [AddedTokens; 2],
    way: Way,
}

enum Way {
    ByteLevel(Box<ByteLevelBpe>),
    Metaspace(Box<MetaspaceUnigram>),
}

/// The ids so far, and how many are wanted.
struct Wanted {
    ids: Vec<u32>,
    max: usize,
}

impl Wanted {
    fn add(&mut self, id: u32) -> ControlFlow<()> {
        self.ids.push(id);
        self.more()
    }

    fn missing(&self) -> usize {
        self.max.saturating_sub(self.ids.len())
    }

    /// Breaks when there are more ids than wanted: one more tells that the text is truncated.
    #[inline]
    fn more(&self) -> ControlFlow<()> {
        if self.ids.len() > self.max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[derive(Default)]
struct Scratch {
    byte_level: bpe::Scratch,
    metaspace: metaspace::Scratch,
}

thread_local! {
    /// What encoding a text needs besides its ids; a usual text allocates nothing else.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Ids reserved for a text: bytes for each of them, fewer than natural text has.
const RESERVED_BYTES_PER_ID: usize = 3;

impl Fast {
    /// `None` if any part of the description is not exactly of a kind that is covered.
    pub fn from_tokenizer(tokenizer: &Tokenizer) -> Option<Self> {
        if tokenizer.get_truncation().is_some() || tokenizer.get_padding().is_some() {
            return None;
        }
        let vocabulary = tokenizer.get_added_vocabulary();
        let mut added = [
            AddedTokens::new(vocabulary, |token| !token.normalized)?,
            AddedTokens::new(vocabulary, |token| token.normalized)?,
        ];
        let (normalizer, pre_tokenizer) = (tokenizer.get_normalizer(), tokenizer.get_pre_tokenizer()?);
        let way = match tokenizer.get_model() {
            ModelWrapper::BPE(model) if normalizer.is_none() => {
                Way::ByteLevel(Box::new(ByteLevelBpe::new(pre_tokenizer, model)?))
            }
            ModelWrapper::Unigram(model) => {
                // Without a normalizer, text is normalized as it comes.
                let streamed = if normalizer.is_some() { mem::take(&mut added[1]) } else { AddedTokens::default() };
                let normalizer = Normalizer::new(normalizer)?;
                let way = MetaspaceUnigram::new(normalizer, streamed, pre_tokenizer, Unigram::new(model)?);
                Way::Metaspace(Box::new(way?))
            }
            _ => return None,
        };
        Some(Self { added, way })
    }

    /// The first `max` ids of `text`, without special tokens.
    pub fn encode(&self, text: &str, max: usize) -> Encoded {
        let reserved = (text.len() / RESERVED_BYTES_PER_ID + 1).min(max.saturating_add(1));
        let mut wanted = Wanted { ids: Vec::with_capacity(reserved), max };
        let truncated = SCRATCH.with_borrow_mut(|scratch| self.run(text, scratch, &mut wanted)).is_break();
        wanted.ids.truncate(max);
        Encoded { content: wanted.ids, truncated }
    }

    fn run(&self, text: &str, scratch: &mut Scratch, wanted: &mut Wanted) -> ControlFlow<()> {
        let [first, second] = &self.added;
        for part in first.split(text) {
            match part {
                Part::Added(id) => wanted.add(id)?,
                Part::Text(text) => {
                    for part in second.split(text) {
                        match part {
                            Part::Added(id) => wanted.add(id)?,
                            Part::Text(text) => self.part(text, scratch, wanted)?,
                        }
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn part(&self, text: &str, scratch: &mut Scratch, wanted: &mut Wanted) -> ControlFlow<()> {
        match &self.way {
            Way::ByteLevel(way) => way.encode(text, &mut scratch.byte_level, wanted),
            Way::Metaspace(way) => way.encode(text, &mut scratch.metaspace, wanted),
        }
    }
}
