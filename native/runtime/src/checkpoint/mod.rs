//! A model directory as the Hugging Face hub publishes it.
//!
//! Reads `config.json` and finds the weights. Tokenizer files are `tokenizer/`'s business, the graph
//! is built by the engine.

mod locked;
mod safetensors;
pub mod torch;

use std::{fs, path::Path};

use serde_json::Value;

pub use self::{
    locked::{LockedFile, sha256},
    safetensors::WeightFiles,
};
use crate::error::LoadError;

/// Weights as `torch.save` wrote them.
pub const PICKLED: &str = "pytorch_model.bin";

/// Stores the directory's `pytorch_model.bin` as `model.safetensors` beside it, unless it has been.
pub fn store_as_safetensors(directory: &Path) -> Result<(), LoadError> {
    let pickled = directory.join(PICKLED);
    if safetensors::are_in(directory) || !pickled.is_file() {
        return Ok(());
    }
    torch::convert(&pickled, &directory.join(safetensors::SINGLE)).map(drop)
}

/// Whether `directory` has weights that Chorus builds a graph for.
pub fn has_weights(directory: &Path) -> bool {
    safetensors::are_in(directory) || directory.join(PICKLED).is_file()
}

/// Reads and parses a JSON file.
pub fn read_json(path: &Path) -> Result<Value, LoadError> {
    let bytes = fs::read(path).map_err(|error| LoadError::unreadable(path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| LoadError::invalid(path, "JSON", error.to_string()))
}

/// Reads a JSON file that may be absent.
pub fn read_optional_json(path: &Path) -> Result<Option<Value>, LoadError> {
    if path.is_file() { read_json(path).map(Some) } else { Ok(None) }
}
