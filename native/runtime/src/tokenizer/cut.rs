//! Tokenizes no more of a long text than is needed for its first ids.
//!
//! `tokenizers` truncates after it has tokenized everything: a million dots cost a second and half a
//! gigabyte. Here a prefix is tokenized instead, and ids are taken from it only where they are
//! certainly those of the full text:
//!
//! 1. Normalizers of the kinds in [`LOCAL_NORMALIZERS`] work grapheme by grapheme, so the prefix up to
//!    a grapheme boundary is normalized as in the full text.
//! 2. Pre-tokenizers of the kinds in [`LOCAL_PRE_TOKENIZERS`] decide from left to right with at most
//!    [`UNSETTLED`] pieces depending on what follows. All pieces before those are the full text's.
//! 3. Each piece is tokenized on its own, so the ids of settled pieces are a prefix of the full ids.
//! 4. One endless piece (no blank for thousands of characters) is settled by agreement. Unigram's best
//!    path and BPE's merges have this property: if a token of the full piece ends at position `k`,
//!    the tokens before `k` are those of the piece cut at `k` (a best path's beginning is a best path;
//!    no merge crosses a boundary that survives). A token is at most `longest_token` characters long,
//!    so some token ends in the last `longest_token` positions of the prefix. If cutting the piece at
//!    each of them gives the same first ids, these are the full text's.
//!
//! Any other tokenizer gets the full text.

use serde::Serialize;
use serde_json::Value;
use tokenizers::{
    Error, Model, ModelWrapper, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer,
};
use unicode_segmentation::GraphemeCursor;

use super::Encoded;

/// Bytes per wanted id of the first prefix that is tried; later ones double. Twice the average of
/// natural text (4 bytes per XLM-R token), so that one try is nearly always enough.
const BYTES_PER_ID: usize = 8;
/// Pieces at the end of a prefix that may change with what follows: byte-level BPE reads `'ll` as one
/// piece but a prefix that ends in `'l` as two.
const UNSETTLED: usize = 2;
/// `Precompiled` normalizes graphemes of at least this many bytes character by character.
const PRECOMPILED_GRAPHEME_BYTES: usize = 6;
/// A grapheme longer than this (stacked accents) is not waited for where it need not be.
const LONG_GRAPHEME_BYTES: usize = 64;

const LOCAL_NORMALIZERS: [&str; 10] =
    ["BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "StripAccents", "Strip"];
const LOCAL_PRE_TOKENIZERS: [&str; 7] =
    ["BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Punctuation", "Whitespace", "WhitespaceSplit"];

pub struct Cutter {
    /// Whether the tokenizer's parts are of the kinds that the argument above covers.
    local: bool,
    /// Whether a grapheme may be cut, once it is longer than what is normalized as a whole.
    cuts_graphemes: bool,
    /// For models whose tokens can be settled by agreement: characters of the longest token.
    longest_token: Option<usize>,
    added_tokens: Vec<String>,
}

impl Cutter {
    pub fn new(tokenizer: &Tokenizer) -> Self {
        let normalizers = kinds(tokenizer.get_normalizer(), "normalizers");
        let pre_tokenizers = kinds(tokenizer.get_pre_tokenizer(), "pretokenizers");
        let all = |kinds: &[String], known: &[&str]| kinds.iter().all(|kind| known.contains(&kind.as_str()));
        let added_tokens: Vec<String> = tokenizer.get_added_vocabulary().get_vocab().keys().cloned().collect();
        Self {
            local: all(&normalizers, &LOCAL_NORMALIZERS)
                && all(&pre_tokenizers, &LOCAL_PRE_TOKENIZERS)
                && !pre_tokenizers.is_empty()
                && !added_tokens.iter().any(|token| token.contains(char::is_whitespace)),
            cuts_graphemes: normalizers.iter().all(|kind| kind == "Precompiled"),
            longest_token: longest_token(tokenizer.get_model()),
            added_tokens,
        }
    }

    /// The first `max` ids of `text`, without special tokens.
    pub fn encode(&self, tokenizer: &Tokenizer, text: &str, max: usize) -> Result<Encoded, Error> {
        let mut window = max.max(UNSETTLED).saturating_mul(BYTES_PER_ID);
        while self.local && window < text.len() {
            let end = self.boundary(text, window);
            if end >= text.len() {
                break;
            }
            match self.settle(tokenizer, &text[..end], max)? {
                Settled::Ids(content) => return Ok(Encoded { content, truncated: true }),
                Settled::TooFew => window *= 2,
                Settled::Never => break,
            }
        }
        let mut content = tokenizer.encode_fast(text, false)?.get_ids().to_vec();
        let truncated = content.len() > max;
        content.truncate(max);
        Ok(Encoded { content, truncated })
    }

    /// Where to cut at or after `at`: a grapheme boundary outside of any added token.
    fn boundary(&self, text: &str, at: usize) -> usize {
        let mut end = at;
        loop {
            while !text.is_char_boundary(end) {
                end += 1;
            }
            let grapheme_end = next_grapheme_boundary(text, end);
            if self.cuts_graphemes && grapheme_end - end > LONG_GRAPHEME_BYTES {
                // `end` lies in a long grapheme; its beginning must be long as well.
                end += PRECOMPILED_GRAPHEME_BYTES;
                while !text.is_char_boundary(end) {
                    end += 1;
                }
            } else {
                end = grapheme_end;
            }
            match self.added_tokens.iter().find_map(|token| end_of_token_around(text, token, end)) {
                Some(token_end) => end = token_end,
                None => return end,
            }
        }
    }

    /// What is certain of the full text's ids from a prefix of it.
    fn settle(&self, tokenizer: &Tokenizer, prefix: &str, max: usize) -> Result<Settled, Error> {
        let pieces = pieces(tokenizer, prefix)?;
        let mut ids = Vec::with_capacity(max + 1);
        for piece in &pieces[..pieces.len().saturating_sub(UNSETTLED)] {
            piece.ids(tokenizer, &mut ids)?;
            if ids.len() > max {
                ids.truncate(max);
                return Ok(Settled::Ids(ids));
            }
        }
        match (self.longest_token, &pieces[..]) {
            (Some(longest), [before @ .., Piece::Text(last)]) if last.chars().count() > longest => {
                if let Some(before) = before.last() {
                    before.ids(tokenizer, &mut ids)?;
                }
                settle_by_agreement(tokenizer, &ids, last, longest, max)
            }
            _ => Ok(Settled::TooFew),
        }
    }
}

/// What a prefix tells of the first `max` ids of the full text.
enum Settled {
    Ids(Vec<u32>),
    /// They depend on all that follows: a million dots are cut into tokens of sixteen from the end.
    Never,
    /// A longer prefix may tell more.
    TooFew,
}

/// `before` and the first ids of `piece`, if cutting it at any of its last `longest` characters
/// leaves more than `max` ids, of which the first `max` are always the same.
fn settle_by_agreement(
    tokenizer: &Tokenizer,
    before: &[u32],
    piece: &str,
    longest: usize,
    max: usize,
) -> Result<Settled, Error> {
    let mut agreed: Option<Vec<u32>> = None;
    let ends = std::iter::once(piece.len()).chain(piece.char_indices().rev().map(|(start, _)| start));
    for end in ends.take(longest) {
        let mut ids = before.to_vec();
        Piece::Text(piece[..end].to_owned()).ids(tokenizer, &mut ids)?;
        if ids.len() <= max {
            return Ok(Settled::TooFew);
        }
        ids.truncate(max);
        if agreed.as_ref().is_some_and(|agreed| *agreed != ids) {
            return Ok(Settled::Never);
        }
        agreed = Some(ids);
    }
    Ok(agreed.map_or(Settled::TooFew, Settled::Ids))
}

/// What a text is split into before the model sees it.
enum Piece {
    /// An added token written out in the text.
    Added(Vec<u32>),
    Text(String),
}

impl Piece {
    fn ids(&self, tokenizer: &Tokenizer, ids: &mut Vec<u32>) -> Result<(), Error> {
        match self {
            Self::Added(added) => ids.extend(added),
            Self::Text(text) => ids.extend(tokenizer.get_model().tokenize(text)?.iter().map(|token| token.id)),
        }
        Ok(())
    }
}

fn pieces(tokenizer: &Tokenizer, text: &str) -> Result<Vec<Piece>, Error> {
    let mut split: PreTokenizedString =
        tokenizer.get_added_vocabulary().extract_and_normalize(tokenizer.get_normalizer(), text);
    if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
        pre_tokenizer.pre_tokenize(&mut split)?;
    }
    Ok(split
        .get_splits(OffsetReferential::Normalized, OffsetType::Byte)
        .into_iter()
        .map(|(piece, _, tokens)| match tokens {
            Some(tokens) => Piece::Added(tokens.iter().map(|token| token.id).collect()),
            None => Piece::Text(piece.to_owned()),
        })
        .collect())
}

fn next_grapheme_boundary(text: &str, at: usize) -> usize {
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    // The whole text is at hand, so the cursor never asks for more context.
    if cursor.is_boundary(text, 0).unwrap_or(true) {
        return at;
    }
    cursor.next_boundary(text, 0).ok().flatten().unwrap_or(text.len())
}

/// The end of an occurrence of `token` that `at` would cut in two.
fn end_of_token_around(text: &str, token: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    (1..token.len())
        .filter_map(|before| at.checked_sub(before))
        .find(|&start| bytes[start..].starts_with(token.as_bytes()))
        .map(|start| start + token.len())
}

/// Characters of the longest token of a model whose tokens can be settled by agreement.
fn longest_token(model: &ModelWrapper) -> Option<usize> {
    let length = |token: &str| token.chars().count();
    match model {
        ModelWrapper::BPE(bpe) => bpe.get_vocab().keys().map(|token| length(token)).max(),
        ModelWrapper::Unigram(unigram) => unigram.iter().map(|(token, _)| length(token)).max(),
        ModelWrapper::WordLevel(_) | ModelWrapper::WordPiece(_) => None,
    }
}

/// The kinds of a normalizer or pre-tokenizer and, if it is a sequence, of its parts.
fn kinds(part: Option<&impl Serialize>, children: &str) -> Vec<String> {
    let description = serde_json::to_value(part).unwrap_or_default();
    let mut kinds = Vec::new();
    collect_kinds(&description, children, &mut kinds);
    kinds
}

fn collect_kinds(part: &Value, children: &str, kinds: &mut Vec<String>) {
    let off = |setting: &str| part.get(setting) == Some(&Value::Bool(false));
    match part.get("type").and_then(Value::as_str) {
        None => {}
        Some("Sequence") => {
            let parts = part.get(children).and_then(Value::as_array);
            parts.into_iter().flatten().for_each(|part| collect_kinds(part, children, kinds));
        }
        // Without its pattern, or unsplit, these leave the text in one piece.
        Some("ByteLevel") if off("use_regex") => kinds.push("ByteLevel without pattern".to_owned()),
        Some("Metaspace") if off("split") => kinds.push("Metaspace without split".to_owned()),
        Some(kind) => kinds.push(kind.to_owned()),
    }
}
