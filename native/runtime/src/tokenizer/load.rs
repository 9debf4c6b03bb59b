//! Finds and reads a model folder's tokenizer files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokenizers::{Error, Tokenizer};

use super::{
    character_map, sentencepiece,
    settings::{Class, Family, Role, Setting, Settings, Stated},
    vocabulary,
};
use crate::{checkpoint::read_json, error::LoadError};

/// The complete description in one file, preferred where it is there.
const TOKENIZER: &str = "tokenizer.json";
/// XLM-RoBERTa's vocabulary as SentencePiece wrote it.
const SENTENCEPIECE: &str = "sentencepiece.bpe.model";
/// RoBERTa's byte-level BPE.
const BPE: [&str; 2] = ["vocab.json", "merges.txt"];
/// BERT's and DistilBERT's WordPiece vocabulary.
const WORDPIECE: &str = "vocab.txt";

/// A folder whose small files have been read.
pub struct Folder {
    directory: PathBuf,
    stated: Stated,
    source: Source,
}

/// Bytes that a tokenizer takes, about and at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenizerMemory {
    /// For as long as it is in use.
    pub kept: usize,
    /// While it is loaded, by the library's own form of it.
    pub loading: usize,
}

/// Where the vocabulary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Described,
    Vocabulary(&'static [&'static str]),
}

impl Folder {
    /// # Errors
    /// Where there is no tokenizer, or a setting that is not obeyed.
    pub fn open(directory: &Path) -> Result<Self, LoadError> {
        let is_described = directory.join(TOKENIZER).is_file();
        let stated = Stated::read(directory, is_described)?;
        let source = if is_described {
            stated.refuse_other_description()?;
            Source::Described
        } else {
            stated.refuse_other_vocabularies()?;
            vocabulary_of(directory, stated.class())?
        };
        Ok(Self { directory: directory.to_owned(), stated, source })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Everything that was read beside the vocabulary.
    pub fn settings(&self) -> &[Setting] {
        self.stated.settings()
    }

    /// The longest sequence that is stated, special tokens included.
    pub fn max_tokens(&self) -> Result<Option<usize>, LoadError> {
        self.stated.max_tokens()
    }

    /// Equal for folders that describe the same tokenizer by the same bytes.
    pub fn digest(&self) -> Result<[u8; 32], LoadError> {
        let mut hash = Sha256::new();
        hash.update(self.stated.digest());
        for path in self.vocabulary().iter().map(|name| self.directory.join(name)) {
            let bytes = fs::read(&path).map_err(|error| LoadError::unreadable(&path, &error))?;
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        Ok(hash.finalize().into())
    }

    /// What it takes, as multiples of its vocabulary's bytes.
    ///
    /// Measured, kept and while loaded: 1.1 and 41 of XLM-RoBERTa's `tokenizer.json`, 2.0 and 59 of its SentencePiece
    /// file, 2.1 and 33 of RoBERTa's BPE; 14 and 25 of a WordPiece that stays with the library.
    pub fn memory(&self) -> TokenizerMemory {
        let length = |name: &&str| fs::metadata(self.directory.join(name)).map_or(0, |file| file.len() as usize);
        let bytes: usize = self.vocabulary().iter().map(length).sum();
        let loading = bytes * if self.source == Source::Vocabulary(&[SENTENCEPIECE]) { 64 } else { 44 };
        let kept = match self.stated.class().family {
            Family::Roberta | Family::XlmRoberta => 3 * bytes,
            Family::Bert | Family::Complete | Family::Mpnet => loading,
        };
        TokenizerMemory { kept, loading }
    }

    /// The files that have the vocabulary.
    fn vocabulary(&self) -> &'static [&'static str] {
        match self.source {
            Source::Described => &[TOKENIZER],
            Source::Vocabulary(names) => names,
        }
    }

    /// The tokenizer with everything applied that the folder says, and what it says.
    pub fn load(&self) -> Result<(Tokenizer, Settings), LoadError> {
        let Self { directory, stated, source } = self;
        let file = |name: &str| directory.join(name);
        match source {
            Source::Described => {
                let path = file(TOKENIZER);
                let mut tokenizer = from_json(&path)?;
                let settings = stated.resolve(Some(&tokenizer))?;
                settings.apply(&mut tokenizer).map_err(|error| unfit(&path, &error))?;
                require_tokens(&tokenizer, &path)?;
                Ok((tokenizer, settings))
            }
            Source::Vocabulary(names) => {
                let settings = stated.resolve(None)?;
                let paths: Vec<PathBuf> = names.iter().map(|name| file(name)).collect();
                let built = build(&paths, &settings);
                let tokenizer =
                    built.map_err(|error| LoadError::invalid(&paths[0], "a vocabulary", error.to_string()))?;
                require_tokens(&tokenizer, &paths[0])?;
                Ok((tokenizer, settings))
            }
        }
    }
}

/// Refuses a vocabulary of added tokens alone, with which every text reads as the empty one: transformers takes it.
fn require_tokens(tokenizer: &Tokenizer, path: &Path) -> Result<(), LoadError> {
    if tokenizer.get_vocab_size(false) > 0 {
        return Ok(());
    }
    Err(LoadError::invalid(path, "a vocabulary", "one without tokens".to_owned()))
}

/// The vocabulary files of the class.
fn vocabulary_of(directory: &Path, class: &Class) -> Result<Source, LoadError> {
    let names: &[&str] = match class.family {
        Family::Bert | Family::Mpnet => &[WORDPIECE],
        Family::Roberta => &BPE,
        Family::XlmRoberta => &[SENTENCEPIECE],
        Family::Complete => &[],
    };
    if !names.is_empty() && names.iter().all(|name| directory.join(name).is_file()) {
        return Ok(Source::Vocabulary(names));
    }
    let or = if names.is_empty() { String::new() } else { format!(" or {}", names.join(" with ")) };
    Err(LoadError::missing(directory, format!("a tokenizer: {TOKENIZER}{or} for a {}", class.name)))
}

/// A tokenizer from a bare vocabulary, as the class' converter makes it (`convert_slow_tokenizer.py`).
fn build(paths: &[PathBuf], settings: &Settings) -> Result<Tokenizer, Error> {
    let mut tokenizer = match (settings.class.family, paths) {
        (Family::Roberta, [vocabulary, merges]) => vocabulary::byte_level_bpe(vocabulary, merges, settings)?,
        (Family::XlmRoberta, [model]) => sentencepiece::xlm_roberta(model, settings)?,
        (Family::Bert | Family::Mpnet, [vocabulary]) => vocabulary::word_piece(vocabulary, settings)?,
        (family, _) => return Err(format!("no vocabulary of its own for {family:?}").into()),
    };
    settings.apply(&mut tokenizer)?;
    // XLM-RoBERTa's converter knows no others.
    let (first, last) = match settings.class.family {
        Family::XlmRoberta => ("<s>", "</s>"),
        _ => (settings.required(Role::Classification)?, settings.required(Role::Separator)?),
    };
    vocabulary::surround(&mut tokenizer, first, last)?;
    Ok(tokenizer)
}

/// What of a description is looked at before the library reads it.
#[derive(Deserialize)]
struct Described {
    normalizer: Option<Value>,
}

fn from_json(path: &PathBuf) -> Result<Tokenizer, LoadError> {
    let bytes = fs::read(path).map_err(|error| LoadError::unreadable(path, &error))?;
    if let Ok(Described { normalizer: Some(normalizer) }) = serde_json::from_slice(&bytes) {
        character_map::check_described(&normalizer).map_err(|problem| unfit(path, &problem.into()))?;
    }
    // Parsed as a whole once more only on failure, to tell broken JSON from an unknown kind of tokenizer.
    Tokenizer::from_bytes(&bytes).map_err(|error| match read_json(path) {
        Err(broken) => broken,
        Ok(_) => unfit(path, &error),
    })
}

fn unfit(path: &Path, error: &Error) -> LoadError {
    LoadError::invalid(path, "a description for the `tokenizers` library", error.to_string())
}
