//! A model directory as the Hugging Face hub publishes it.
//!
//! Reads `config.json` and finds the weights. Tokenizer files are `tokenizer/`'s business, the graph
//! is built by the engine.

mod safetensors;

use std::{fs, path::Path};

use serde_json::Value;

pub use self::safetensors::WeightFiles;
use crate::error::LoadError;

/// Reads and parses a JSON file.
pub fn read_json(path: &Path) -> Result<Value, LoadError> {
    let bytes = fs::read(path).map_err(|error| LoadError::unreadable(path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| LoadError::invalid(path, "JSON", error.to_string()))
}

/// Reads a JSON file that may be absent.
pub fn read_optional_json(path: &Path) -> Result<Option<Value>, LoadError> {
    if path.is_file() { read_json(path).map(Some) } else { Ok(None) }
}
