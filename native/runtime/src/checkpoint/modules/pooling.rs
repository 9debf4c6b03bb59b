//! The settings of Pooling: how the vectors of tokens become one.

use std::path::Path;

use chorus_core::spec::Pooling;
use serde_json::Value;

use super::unsupported;
use crate::{checkpoint::json::read_json, error::LoadError};

/// The ways to pool, by the name of the setting that turned them on up to version 5.3; `pooling_mode` names them since.
const MODES: [(&str, &str); 6] = [
    ("pooling_mode_cls_token", "cls"),
    ("pooling_mode_max_tokens", "max"),
    ("pooling_mode_mean_tokens", "mean"),
    ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"),
    ("pooling_mode_weightedmean_tokens", "weightedmean"),
    ("pooling_mode_lasttoken", "lasttoken"),
];
const MODE: &str = "pooling_mode";
const INCLUDE_PROMPT: &str = "include_prompt";
/// What it says of the transformer, and of prompts where there are none.
const WITHOUT_EFFECT: [&str; 3] = ["embedding_dimension", INCLUDE_PROMPT, "word_embedding_dimension"];

/// The one pooling that the file `path` says.
///
/// # Errors
/// A way to pool that Chorus has not, several of them, and tokens of prompts that are left out, where `has_prompts`.
pub fn pooling(path: &Path, has_prompts: bool) -> Result<Pooling, LoadError> {
    let settings = read_json(path)?;
    let settings =
        settings.as_object().ok_or_else(|| LoadError::invalid(path, "a JSON object", settings.to_string()))?;
    // Flags say nothing beside the newer setting.
    let has_mode = settings.contains_key(MODE);
    let mut chosen: Vec<(&str, &str)> = Vec::new();
    for (name, value) in settings {
        let mode = MODES.into_iter().find(|(flag, _)| flag == name);
        match (name.as_str(), mode, value) {
            (INCLUDE_PROMPT, _, value) if has_prompts && *value != Value::Bool(true) => {
                return Err(unsupported(path, name, value));
            }
            (_, _, Value::Null) | (_, Some(_), Value::Bool(false)) => {}
            (_, Some(_), Value::Bool(true)) if has_mode => {}
            (_, Some(mode), Value::Bool(true)) => chosen.push(mode),
            (MODE, _, Value::String(mode)) => chosen.push((mode, mode)),
            (MODE, _, Value::Array(modes)) if modes.iter().all(Value::is_string) => {
                chosen.extend(modes.iter().filter_map(Value::as_str).map(|mode| (mode, mode)));
            }
            (name, _, _) if WITHOUT_EFFECT.contains(&name) => {}
            (name, _, value) => return Err(unsupported(path, name, value)),
        }
    }
    match chosen[..] {
        [(_, "cls")] => Ok(Pooling::FirstToken),
        // Also the library's default.
        [(_, "mean")] | [] => Ok(Pooling::Mean),
        _ => {
            let found: Vec<&str> = chosen.iter().map(|(name, _)| *name).collect();
            Err(LoadError::invalid(path, "one way to pool, cls or mean", found.join(", ")))
        }
    }
}
