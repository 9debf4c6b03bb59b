//! Text to token ids, as `transformers` would give them.
//!
//! - `load`: the tokenizer of a model directory, whatever files describe it
//! - `sentencepiece`, `vocabulary`: the descriptions other than `tokenizer.json`
//! - `fast`: the two tokenizers that matter most, without the library
//! - `cut`: for all others, shortens a text before tokenization without changing the ids that are kept

mod cut;
mod fast;
mod load;
mod sentencepiece;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::{fs, path::Path};

use sha2::{Digest, Sha256};
use tokenizers::{ModelWrapper, Tokenizer};

use self::{cut::Cutter, fast::Fast};
use crate::error::LoadError;

/// A text to find out with which special tokens a tokenizer surrounds its content.
const PROBE: &str = "a";
/// What tokenizers call the token that pads.
const PADDING: [&str; 2] = ["<pad>", "[PAD]"];

/// A tokenizer without truncation or padding; texts are cut to a length that the caller gives.
///
/// What is asked of a tokenizer besides ids is found out when it is loaded: the library's own is only kept
/// where nothing faster gives its ids, because it takes a quarter of a gigabyte for XLM-RoBERTa.
pub struct TextTokenizer {
    encoder: Encoder,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    vocabulary_size: usize,
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
    /// Loads the tokenizer of a model directory.
    pub fn load(directory: &Path) -> Result<Self, LoadError> {
        let mut tokenizer = load::tokenizer(directory)?;
        let invalid = |problem: &str| LoadError::invalid(directory, "a tokenizer that works", problem);
        // Files may carry a truncation or a padding of their own; what is served is decided here.
        tokenizer.with_truncation(None).map_err(|error| invalid(&error.to_string()))?;
        tokenizer.with_padding(None);
        let (prefix, suffix) = special_tokens(&tokenizer).map_err(|problem| invalid(&problem))?;
        Ok(Self {
            vocabulary_size: tokenizer.get_vocab_size(true),
            padding_id: PADDING.iter().find_map(|token| tokenizer.token_to_id(token)).unwrap_or(0),
            fingerprint: fingerprint(&tokenizer, &prefix, &suffix),
            encoder: Encoder::new(tokenizer),
            prefix,
            suffix,
        })
    }

    /// Equal for directories whose tokenizer files are equal, byte for byte.
    pub fn files_digest(directory: &Path) -> Result<[u8; 32], LoadError> {
        let mut hash = Sha256::new();
        for path in load::files(directory) {
            let bytes = fs::read(&path).map_err(|error| LoadError::unreadable(&path, &error))?;
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Ok(hash.finalize().into())
    }

    /// Encodes a text; keeps its first `max_content` ids, special tokens not counted.
    ///
    /// The ids are those of the full text, whatever its length, but the time taken depends on
    /// `max_content` and not on the text (see [`fast`] and [`cut`]).
    pub fn encode(&self, text: &str, max_content: usize) -> Result<Encoded, tokenizers::Error> {
        match &self.encoder {
            Encoder::Fast(fast) => Ok(fast.encode(text, max_content)),
            Encoder::Library(tokenizer, cutter) => cutter.encode(tokenizer, text, max_content),
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

    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary_size
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

fn fingerprint(tokenizer: &Tokenizer, prefix: &[u32], suffix: &[u32]) -> [u8; 32] {
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
    add(serde_json::to_vec(&(prefix, suffix)));
    hash.finalize().into()
}

/// The ids before and after the content of a single text.
fn special_tokens(tokenizer: &Tokenizer) -> Result<(Vec<u32>, Vec<u32>), String> {
    let encode = |text: &str, special| {
        tokenizer.encode_fast(text, special).map(|encoding| encoding.get_ids().to_vec()).map_err(|e| e.to_string())
    };
    let content = encode(PROBE, false)?;
    let whole = encode(PROBE, true)?;
    let start = whole
        .windows(content.len().max(1))
        .position(|window| window == content)
        .ok_or("its post-processor does not keep the content in one piece")?;
    Ok((whole[..start].to_vec(), whole[start + content.len()..].to_vec()))
}
