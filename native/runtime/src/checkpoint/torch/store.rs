//! All pickled weights of a checkpoint, stored as safetensors beside them.

use std::path::Path;

use serde_json::{Value, json};

use super::{convert, destination::Destination};
use crate::{
    checkpoint::{
        PICKLED, PICKLED_SHARDS, read_json,
        safetensors::{SHARDS, SINGLE, are_in, shard_names},
    },
    error::LoadError,
};

/// A file that was stored as another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub from: String,
    pub to: String,
}

/// Stores the pickled weights of `directory` as safetensors beside them, unless that has been done; returns which file
/// is stored as which, the list of the shards last.
pub fn store_as_safetensors(directory: &Path) -> Result<Vec<Stored>, LoadError> {
    let is_done = are_in(directory);
    let stored = |from: &str, to: &str| Stored { from: from.to_owned(), to: to.to_owned() };
    if directory.join(PICKLED).is_file() {
        if !is_done {
            convert(&directory.join(PICKLED), &directory.join(SINGLE))?;
        }
        return Ok(vec![stored(PICKLED, SINGLE)]);
    }
    let index = directory.join(PICKLED_SHARDS);
    if !index.is_file() {
        return Ok(Vec::new());
    }
    let mut files: Vec<Stored> = shard_names(&index)?.iter().map(|name| stored(name, &name_of(name))).collect();
    if !is_done {
        for Stored { from, to } in &files {
            convert(&directory.join(from), &directory.join(to))?;
        }
        // Last: with it, the checkpoint is complete.
        write_index(&index, &directory.join(SHARDS))?;
    }
    files.push(stored(PICKLED_SHARDS, SHARDS));
    Ok(files)
}

/// As transformers names the parts of a checkpoint in either format.
fn name_of(pickled: &str) -> String {
    let stem = pickled.strip_suffix(".bin").unwrap_or(pickled);
    format!("{}.safetensors", stem.replacen("pytorch_model", "model", 1))
}

fn write_index(pickled: &Path, path: &Path) -> Result<(), LoadError> {
    let mut index = read_json(pickled)?;
    for file in index["weight_map"].as_object_mut().into_iter().flatten().map(|(_, file)| file) {
        if let Value::String(name) = file {
            *file = json!(name_of(name));
        }
    }
    let written = || {
        let mut destination = Destination::create(path)?;
        destination.write(index.to_string().as_bytes())?;
        destination.finish()
    };
    written().map(drop).map_err(|fault| fault.into_load_error(pickled, path))
}
