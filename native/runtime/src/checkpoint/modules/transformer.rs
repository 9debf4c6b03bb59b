//! The settings of the first module: how its texts are tokenized, and which of its outputs is taken.

use std::path::Path;

use serde_json::{Value, json};

use super::unsupported;
use crate::{checkpoint::json::read_object, error::LoadError};

/// The names of its file, of which the first that says anything is read (`Transformer.load_config`).
const FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];
/// Arguments of transformers, by their older and their newer names.
const ARGUMENTS: [&str; 6] =
    ["model_args", "tokenizer_args", "config_args", "model_kwargs", "processor_kwargs", "config_kwargs"];
/// Whether a repository's own code may run; the library takes it out of files.
const TRUST: &str = "trust_remote_code";

/// The longest sequence that is stated, special tokens included; nothing leaves it to the tokenizer's own.
///
/// # Errors
/// Whatever else would change a vector: lower-casing before the tokenizer, arguments for transformers, another output.
pub fn max_tokens(folder: &Path) -> Result<Option<usize>, LoadError> {
    let paths = FILES.map(|name| folder.join(name));
    for path in &paths {
        let settings = read_object(path)?;
        if !settings.is_empty() {
            let lengths = settings.iter().map(|(name, value)| length(path, name, value));
            return Ok(lengths.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().next());
        }
    }
    Ok(None)
}

/// The length that a setting states, if it is the one that does.
fn length(path: &Path, name: &str, value: &Value) -> Result<Option<usize>, LoadError> {
    let is_usual = match name {
        "max_seq_length" if !value.is_null() => {
            let length = value.as_u64().filter(|length| *length > 0);
            let invalid = || LoadError::invalid(path, "a length as `max_seq_length`", value.to_string());
            return Ok(Some(length.ok_or_else(invalid)? as usize));
        }
        "do_lower_case" => *value == json!(false),
        "modality_config" => {
            *value == json!({"text": {"method": "forward", "method_output_name": "last_hidden_state"}})
        }
        "module_output_name" => value == "token_embeddings",
        "processing_kwargs" => *value == json!({}),
        "transformer_task" => value == "feature-extraction",
        // How a batch is laid out.
        "unpad_inputs" => true,
        _ if ARGUMENTS.contains(&name) => {
            value.as_object().is_some_and(|arguments| arguments.keys().all(|name| name == TRUST))
        }
        _ => false,
    };
    if is_usual || value.is_null() { Ok(None) } else { Err(unsupported(path, name, value)) }
}
