//! The tokenizers of a profile.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;

use super::{Folder, TextTokenizer};
use crate::error::LoadError;

/// The distinct tokenizers of a profile. Models whose tokenizers give the same ids share one.
#[derive(Default)]
pub struct TokenizerSet {
    tokenizers: Vec<TextTokenizer>,
    by_files: HashMap<[u8; 32], usize>,
    by_fingerprint: HashMap<[u8; 32], usize>,
}

impl TokenizerSet {
    /// Indices of the folders whose tokenizers have to be loaded: the first of each that are described by the same bytes.
    pub fn distinct(folders: &[&Folder]) -> Result<Vec<usize>, LoadError> {
        let mut seen = HashSet::new();
        let mut distinct = Vec::new();
        for (index, folder) in folders.iter().enumerate() {
            if seen.insert(folder.digest()?) {
                distinct.push(index);
            }
        }
        Ok(distinct)
    }

    /// Loads the tokenizer of `folder` into `set`, which is locked for a moment only: parsing a large
    /// vocabulary takes the better part of a second. Returns its index.
    pub fn load(set: &Mutex<Self>, folder: &Folder) -> Result<usize, LoadError> {
        let files = folder.digest()?;
        if let Some(index) = set.lock().by_files.get(&files) {
            return Ok(*index);
        }
        let tokenizer = TextTokenizer::of(folder)?;
        let mut set = set.lock();
        let next = set.tokenizers.len();
        let index = *set.by_fingerprint.entry(tokenizer.fingerprint()).or_insert(next);
        if index == next {
            set.tokenizers.push(tokenizer);
        }
        set.by_files.insert(files, index);
        Ok(index)
    }

    pub fn get(&self, index: usize) -> &TextTokenizer {
        &self.tokenizers[index]
    }
}
