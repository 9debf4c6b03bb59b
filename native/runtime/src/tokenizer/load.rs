//! Finds and reads a model directory's tokenizer files.

use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;

use super::{sentencepiece, vocabulary};
use crate::{
    checkpoint::{read_json, read_optional_json},
    error::LoadError,
};

/// The complete description in one file, preferred where it is there.
const TOKENIZER: &str = "tokenizer.json";
/// XLM-RoBERTa's vocabulary as SentencePiece wrote it.
const SENTENCEPIECE: &str = "sentencepiece.bpe.model";
/// RoBERTa's byte-level BPE.
const BPE: [&str; 2] = ["vocab.json", "merges.txt"];
/// BERT's and DistilBERT's WordPiece vocabulary.
const WORDPIECE: &str = "vocab.txt";

/// What bare vocabularies are completed with.
const SETTINGS: [&str; 2] = ["tokenizer_config.json", "special_tokens_map.json"];

/// The files of `directory` that decide its tokenizer.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let vocabularies = [SENTENCEPIECE, BPE[0], BPE[1], WORDPIECE, SETTINGS[0], SETTINGS[1]];
    let complete = directory.join(TOKENIZER);
    if complete.is_file() {
        return vec![complete];
    }
    vocabularies.into_iter().map(|name| directory.join(name)).filter(|path| path.is_file()).collect()
}

pub fn tokenizer(directory: &Path) -> Result<Tokenizer, LoadError> {
    let file = |name: &str| directory.join(name);
    if file(TOKENIZER).is_file() {
        return from_json(&file(TOKENIZER));
    }
    let settings =
        vocabulary::Settings::read(read_optional_json(&file(SETTINGS[0]))?, read_optional_json(&file(SETTINGS[1]))?);
    let built = if file(SENTENCEPIECE).is_file() {
        Some((file(SENTENCEPIECE), sentencepiece::xlm_roberta(&file(SENTENCEPIECE), &settings)))
    } else if BPE.iter().all(|name| file(name).is_file()) {
        Some((file(BPE[0]), vocabulary::byte_level_bpe(&file(BPE[0]), &file(BPE[1]), &settings)))
    } else if file(WORDPIECE).is_file() {
        Some((file(WORDPIECE), vocabulary::word_piece(&file(WORDPIECE), &settings)))
    } else {
        None
    };
    match built {
        Some((path, built)) => built.map_err(|error| LoadError::invalid(&path, "a vocabulary", error.to_string())),
        None => Err(LoadError::missing(
            directory,
            format!("a tokenizer: {TOKENIZER}, {SENTENCEPIECE}, {} with {}, or {WORDPIECE}", BPE[0], BPE[1]),
        )),
    }
}

fn from_json(path: &PathBuf) -> Result<Tokenizer, LoadError> {
    // Parsed twice only on failure, to tell broken JSON from an unknown kind of tokenizer.
    Tokenizer::from_file(path).map_err(|error| match read_json(path) {
        Err(broken) => broken,
        Ok(_) => LoadError::invalid(path, "a description for the `tokenizers` library", error.to_string()),
    })
}
