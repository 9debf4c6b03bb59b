//! Text to token ids, as `transformers` would give them.
//!
//! - `load`: the tokenizer of a model directory, whatever files describe it
//! - `sentencepiece`, `vocabulary`: the descriptions other than `tokenizer.json`; `character_map`: a part of both
//! - `settings`: what the files beside those say about it
//! - `set`: the tokenizers of a profile
//! - `fast`: the two tokenizers that matter most, without the library
//! - `cut`: for all others, shortens a text before tokenization without changing the ids that are kept

mod character_map;
mod cut;
mod fast;
mod load;
mod sentencepiece;
mod set;
mod settings;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::path::Path;

use sha2::{Digest, Sha256};
use tokenizers::{Encoding, ModelWrapper, Token, Tokenizer};

use self::{
    cut::Cutter,
    fast::Fast,
    settings::{Role, Side},
};
pub use self::{
    load::{Folder, TokenizerMemory},
    set::TokenizerSet,
    settings::{Effect, Setting},
};
use crate::error::LoadError;

/// What tokenizers call the token that pads.
const PADDING: [&str; 2] = ["<pad>", "[PAD]"];
/// An id that no vocabulary has.
const NO_ID: u32 = u32::MAX;
/// Ids of a vocabulary are below this; the largest that are published end at a million. The library writes a vocabulary
/// down by counting through all ids up to its largest, and keeps those that are not there.
const MOST_IDS: usize = 1 << 22;

/// A tokenizer without truncation or padding; texts are cut to a length that the caller gives.
///
/// What is asked of a tokenizer besides ids is found out when it is loaded: the library's own is only kept
/// where nothing faster gives its ids, because it takes a quarter of a gigabyte for XLM-RoBERTa.
pub struct TextTokenizer {
    encoder: Encoder,
    side: Side,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    vocabulary_end: usize,
    end: usize,
    padding_id: u32,
    fingerprint: [u8; 32],
}

enum Encoder {
    Fast(Box<Fast>),
    Library(Box<Tokenizer>, Cutter),
}

/// The token ids of a text, without special tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    pub content: Vec<u32>,
    /// Whether the text has more tokens than were asked for.
    pub truncated: bool,
}

impl TextTokenizer {
    /// The tokenizer of a folder.
    pub fn load(directory: &Path) -> Result<Self, LoadError> {
        Self::of(&Folder::open(directory)?)
    }

    /// The tokenizer of a folder that has been opened.
    pub fn of(folder: &Folder) -> Result<Self, LoadError> {
        let (mut tokenizer, settings) = folder.load()?;
        let side = settings.side(&tokenizer);
        let invalid = |problem: &str| LoadError::invalid(folder.directory(), "a tokenizer that works", problem);
        // Files may carry a truncation or a padding of their own; what is served is decided here.
        tokenizer.with_truncation(None).map_err(|error| invalid(&error.to_string()))?;
        tokenizer.with_padding(None);
        let (prefix, suffix) = special_tokens(&tokenizer).map_err(|problem| invalid(&problem))?;
        let padding = settings.token(Role::Padding).into_iter().chain(PADDING);
        let vocabulary_end = vocabulary_end(&tokenizer);
        if vocabulary_end > MOST_IDS {
            let expected = format!("a vocabulary with ids below {MOST_IDS}");
            return Err(LoadError::invalid(folder.directory(), expected, (vocabulary_end - 1).to_string()));
        }
        let added_end = end_of(tokenizer.get_added_tokens_decoder().into_keys());
        Ok(Self {
            side,
            vocabulary_end,
            end: vocabulary_end.max(added_end),
            padding_id: padding.into_iter().find_map(|token| tokenizer.token_to_id(token)).unwrap_or(0),
            fingerprint: fingerprint(&tokenizer, &prefix, &suffix, side),
            encoder: Encoder::new(tokenizer),
            prefix,
            suffix,
        })
    }

    /// Encodes a text; keeps its first `max_content` ids, special tokens not counted, or its last ones where the
    /// folder says so.
    ///
    /// The ids are those of the full text, whatever its length. But for last ones the time taken depends on
    /// `max_content` and not on the text (see [`fast`] and [`cut`]).
    pub fn encode(&self, text: &str, max_content: usize) -> Result<Encoded, tokenizers::Error> {
        let max = match self.side {
            Side::Left => usize::MAX,
            Side::Right => max_content,
        };
        let mut encoded = match &self.encoder {
            Encoder::Fast(fast) => fast.encode(text, max),
            Encoder::Library(tokenizer, cutter) => cutter.encode(tokenizer, text, max)?,
        };
        if encoded.content.len() > max_content {
            encoded.content.drain(..encoded.content.len() - max_content);
            encoded.truncated = true;
        }
        Ok(encoded)
    }

    /// What is left of a text that was encoded for a model that reads more.
    pub fn cut<'a>(&self, content: &'a [u32], max_content: usize) -> &'a [u32] {
        let kept = content.len().min(max_content);
        match self.side {
            Side::Left => &content[content.len() - kept..],
            Side::Right => &content[..kept],
        }
    }

    /// Token ids put in front of the content.
    pub fn prefix(&self) -> &[u32] {
        &self.prefix
    }

    /// Token ids put behind the content.
    pub fn suffix(&self) -> &[u32] {
        &self.suffix
    }

    /// Special tokens around every text.
    pub fn special_count(&self) -> usize {
        self.prefix.len() + self.suffix.len()
    }

    /// One more than the largest id of the vocabulary, without added tokens.
    pub fn vocabulary_end(&self) -> usize {
        self.vocabulary_end
    }

    /// One more than the largest id.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The id that pads, as the tokenizer names it; 0 where it names none.
    pub fn padding_id(&self) -> u32 {
        self.padding_id
    }

    /// Equal for tokenizers that give equal ids, however their files are written.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl Encoder {
    fn new(tokenizer: Tokenizer) -> Self {
        if let Some(fast) = Fast::from_tokenizer(&tokenizer) {
            return Self::Fast(Box::new(fast));
        }
        let cutter = Cutter::new(&tokenizer);
        Self::Library(Box::new(tokenizer), cutter)
    }
}

fn fingerprint(tokenizer: &Tokenizer, prefix: &[u32], suffix: &[u32], side: Side) -> [u8; 32] {
    let mut hash = Sha256::new();
    // A part that cannot be serialized adds nothing; the vocabulary still tells tokenizers apart.
    let mut add = |part: Result<Vec<u8>, serde_json::Error>| {
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    };
    add(serde_json::to_vec(&tokenizer.get_normalizer()));
    add(serde_json::to_vec(&tokenizer.get_pre_tokenizer()));
    match tokenizer.get_model() {
        // JSON readers differ in a score's last bit; SentencePiece's scores are `f32`.
        ModelWrapper::Unigram(model) => {
            add(serde_json::to_vec(&model.iter().map(|(token, score)| (token, *score as f32)).collect::<Vec<_>>()));
        }
        model => add(serde_json::to_vec(model)),
    }
    add(serde_json::to_vec(tokenizer.get_added_vocabulary()));
    add(serde_json::to_vec(&(prefix, suffix, tokenizer.get_encode_special_tokens(), side == Side::Left)));
    hash.finalize().into()
}

/// The ids before and after the content of a single text.
fn special_tokens(tokenizer: &Tokenizer) -> Result<(Vec<u32>, Vec<u32>), String> {
    let content = Encoding::from_tokens(vec![Token::new(NO_ID, String::new(), (0, 0))], 0);
    let whole = tokenizer.post_process(content, None, true).map_err(|error| error.to_string())?;
    if whole.get_type_ids().iter().any(|&id| id != 0) {
        return Err("its post-processor gives tokens of a single text another type than 0".to_owned());
    }
    let mut parts = whole.get_ids().split(|id| *id == NO_ID);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(prefix), Some(suffix), None) => Ok((prefix.to_vec(), suffix.to_vec())),
        (_, None, _) => Err("its post-processor drops the content".to_owned()),
        (_, Some(_), _) => Err(format!("its post-processor has the content twice, or a token with the id {NO_ID}")),
    }
}

fn vocabulary_end(tokenizer: &Tokenizer) -> usize {
    match tokenizer.get_model() {
        // Ids are places in a list.
        ModelWrapper::Unigram(_) => tokenizer.get_vocab_size(false),
        _ => end_of(tokenizer.get_vocab(false).into_values()),
    }
}

/// One more than the largest of `ids`, which may be the largest number there is.
fn end_of(ids: impl Iterator<Item = u32>) -> usize {
    ids.max().map_or(0, |id| id as usize + 1)
}
