//! A folder of sentence-transformers: what is done with the vectors of an encoder's tokens.
//!
//! `modules.json` lists modules, each with the folder of its settings. Those that Chorus has are obeyed, every other
//! module and setting is refused: a vector without them would be another model's.

use std::path::Path;

use chorus_core::spec::Pooling;
use serde_json::{Map, Value};

use super::{
    json::{read_json, read_object, read_optional_json},
    within,
};
use crate::error::LoadError;

const MODULES: &str = "modules.json";
const TRANSFORMER: &str = "sentence_bert_config.json";
const PROMPTS: &str = "config_sentence_transformers.json";
const MODULE_CONFIG: &str = "config.json";

/// The files that say it, relative to the folder. The folder of the pooling has its place in the list as its name.
pub const FILES: [&str; 4] = [MODULES, TRANSFORMER, PROMPTS, "1_Pooling/config.json"];

/// Settings of the transformer that change no vector.
const TRANSFORMER_WITHOUT_EFFECT: [&str; 5] =
    ["modality_config", "module_output_name", "processing_kwargs", "transformer_task", "unpad_inputs"];
/// The ways to pool, by the name of the setting that turns them on.
const POOLING_MODES: [(&str, Option<Pooling>); 7] = [
    ("pooling_mode_cls_token", Some(Pooling::FirstToken)),
    ("pooling_mode_mean_tokens", Some(Pooling::Mean)),
    ("pooling_mode_max_tokens", None),
    ("pooling_mode_mean_sqrt_len_tokens", None),
    ("pooling_mode_weightedmean_tokens", None),
    ("pooling_mode_lasttoken", None),
    ("pooling_mode_weighted_mean", None),
];
const POOLING_WITHOUT_EFFECT: [&str; 3] = ["embedding_dimension", "include_prompt", "word_embedding_dimension"];

/// What a folder's modules make of the vectors of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modules {
    pub pooling: Pooling,
    /// Whether vectors have the length 1.
    pub normalize: bool,
    /// The longest sequence, special tokens included.
    pub max_tokens: Option<usize>,
}

impl Modules {
    /// What `folder` says; nothing where it is not one of sentence-transformers.
    ///
    /// # Errors
    /// A file that is not as the library writes it, and what Chorus has not.
    pub fn read(folder: &Path) -> Result<Option<Self>, LoadError> {
        let path = folder.join(MODULES);
        let Some(list) = read_optional_json(&path)? else { return Ok(None) };
        let modules = list.as_array().and_then(|list| list.iter().map(Module::read).collect::<Option<Vec<_>>>());
        let modules = modules.ok_or_else(|| LoadError::invalid(&path, "a list of modules", list.to_string()))?;
        let kinds: Vec<&str> = modules.iter().map(|module| module.kind.as_str()).collect();
        let (pooling, normalize) = match (&kinds[..], &modules[..]) {
            (["Transformer", "Pooling"], [_, pooling]) => (pooling, false),
            (["Transformer", "Pooling", "Normalize"], [_, pooling, _]) => (pooling, true),
            _ => {
                let expected = "the modules Transformer, Pooling and, optionally, Normalize";
                return Err(LoadError::invalid(&path, expected, kinds.join(", ")));
            }
        };
        if let [Module { path: own, .. }, ..] = &modules[..]
            && !own.is_empty()
        {
            let expected = "a transformer in the folder itself; a profile may name its folder, with a `pooling`";
            return Err(LoadError::invalid(&path, expected, format!("one in {own}")));
        }
        let own = within(folder, &pooling.path).ok_or_else(|| {
            LoadError::invalid(&path, "modules in folders below it (`path`)", format!("{:?}", pooling.path))
        })?;
        refuse_prompts(&folder.join(PROMPTS))?;
        Ok(Some(Self {
            pooling: pooling_of(&own.join(MODULE_CONFIG))?,
            normalize,
            max_tokens: transformer(&folder.join(TRANSFORMER))?,
        }))
    }
}

struct Module {
    /// The last part of its class's name.
    kind: String,
    path: String,
}

impl Module {
    fn read(module: &Value) -> Option<Self> {
        let class = module.get("type")?.as_str()?;
        let kind = class.rsplit('.').next().unwrap_or(class);
        // Somebody's own module is not the library's of that name.
        let kind = if class.starts_with("sentence_transformers.") { kind } else { class };
        Some(Self { kind: kind.to_owned(), path: module.get("path")?.as_str()?.to_owned() })
    }
}

/// The longest sequence that the transformer's settings state.
fn transformer(path: &Path) -> Result<Option<usize>, LoadError> {
    let mut max_tokens = None;
    for (name, value) in read_object(path)? {
        match (name.as_str(), &value) {
            // Lower-cased by the library itself, before the tokenizer.
            (_, Value::Null) | ("do_lower_case", Value::Bool(false)) => {}
            ("max_seq_length", value) => {
                let length = value.as_u64().filter(|length| *length > 0);
                let invalid = || LoadError::invalid(path, "a length as `max_seq_length`", value.to_string());
                max_tokens = Some(length.ok_or_else(invalid)? as usize);
            }
            // Arguments of transformers.
            ("model_args" | "tokenizer_args" | "config_args", Value::Object(arguments)) if arguments.is_empty() => {}
            (name, _) if TRANSFORMER_WITHOUT_EFFECT.contains(&name) => {}
            (name, value) => return Err(unsupported(path, name, value)),
        }
    }
    Ok(max_tokens)
}

/// The one pooling of a module's settings: the name of a mode, or a flag for each.
fn pooling_of(path: &Path) -> Result<Pooling, LoadError> {
    let settings = read_json(path)?;
    let settings =
        settings.as_object().ok_or_else(|| LoadError::invalid(path, "a JSON object", settings.to_string()))?;
    let mut chosen: Vec<(&str, Option<Pooling>)> = Vec::new();
    for (name, value) in settings {
        let mode = POOLING_MODES.into_iter().find(|(mode, _)| mode == name);
        match (mode, value) {
            (_, Value::Null) | (Some(_), Value::Bool(false)) => {}
            (Some(mode), Value::Bool(true)) => chosen.push(mode),
            (None, Value::String(mode)) if name == "pooling_mode" => chosen.push(match mode.as_str() {
                "cls" => ("cls", Some(Pooling::FirstToken)),
                "mean" => ("mean", Some(Pooling::Mean)),
                other => (other, None),
            }),
            (None, _) if POOLING_WITHOUT_EFFECT.contains(&name.as_str()) => {}
            (_, value) => return Err(unsupported(path, name, value)),
        }
    }
    match chosen[..] {
        [(_, Some(pooling))] => Ok(pooling),
        // The library's default.
        [] => Ok(Pooling::Mean),
        _ => {
            let found: Vec<&str> = chosen.iter().map(|(name, _)| *name).collect();
            Err(LoadError::invalid(path, "one way to pool, cls or mean", found.join(", ")))
        }
    }
}

/// A prompt that is put in front of every text would have to be tokenized with it.
fn refuse_prompts(path: &Path) -> Result<(), LoadError> {
    let settings = read_object(path)?;
    match settings.get("default_prompt_name") {
        None | Some(Value::Null) => Ok(()),
        Some(name) if prompt(&settings, name).is_some_and(str::is_empty) => Ok(()),
        Some(name) => Err(unsupported(path, "default_prompt_name", name)),
    }
}

fn prompt<'a>(settings: &'a Map<String, Value>, name: &Value) -> Option<&'a str> {
    settings.get("prompts")?.get(name.as_str()?)?.as_str()
}

fn unsupported(path: &Path, name: &str, value: &Value) -> LoadError {
    LoadError::invalid(path, "settings that Chorus has", format!("`{name}`: {value}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    /// A folder with the given files.
    fn read(files: &[(&str, Value)]) -> Result<Option<Modules>, LoadError> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("1_Pooling")).expect("writable");
        for (name, contents) in files {
            fs::write(folder.path().join(name), contents.to_string()).expect("writable");
        }
        Modules::read(folder.path())
    }

    fn modules(kinds: &[&str]) -> Value {
        let module = |(index, kind): (usize, &&str)| {
            let path = if index == 0 { String::new() } else { format!("{index}_{kind}") };
            json!({"idx": index, "name": index.to_string(), "path": path,
                   "type": format!("sentence_transformers.models.{kind}")})
        };
        kinds.iter().enumerate().map(module).collect()
    }

    fn refusal(files: &[(&str, Value)]) -> String {
        let Err(error) = read(files) else { panic!("{files:?} is read") };
        error.to_string()
    }

    #[test]
    fn a_folder_without_modules_is_a_plain_one() {
        assert_eq!(read(&[]).unwrap(), None);
    }

    #[test]
    fn what_the_usual_modules_say_is_done() {
        let all = modules(&["Transformer", "Pooling", "Normalize"]);
        let cls = json!({"word_embedding_dimension": 384, "pooling_mode_cls_token": true,
                         "pooling_mode_mean_tokens": false, "include_prompt": true});
        let length = json!({"max_seq_length": 256, "do_lower_case": false});
        let found = read(&[(MODULES, all), ("1_Pooling/config.json", cls), (TRANSFORMER, length)]).unwrap();
        assert_eq!(found, Some(Modules { pooling: Pooling::FirstToken, normalize: true, max_tokens: Some(256) }));
        let mean = json!({"embedding_dimension": 384, "pooling_mode": "mean"});
        let found = read(&[(MODULES, modules(&["Transformer", "Pooling"])), ("1_Pooling/config.json", mean)]).unwrap();
        assert_eq!(found, Some(Modules { pooling: Pooling::Mean, normalize: false, max_tokens: None }));
    }

    #[test]
    fn a_module_outside_the_folder_is_refused() {
        for outside in ["../1_Pooling", "/1_Pooling", "1_Pooling/../../1_Pooling"] {
            let mut own = modules(&["Transformer", "Pooling"]);
            own[1]["path"] = json!(outside);
            let message = refusal(&[(MODULES, own)]);
            assert!(message.contains("modules.json: expected modules in folders below it"), "{message}");
            assert!(message.contains(&format!("found {outside:?}")), "{message}");
        }
    }

    #[test]
    fn what_chorus_has_not_is_refused_by_name() {
        let usual = || (MODULES, modules(&["Transformer", "Pooling"]));
        let mean = || ("1_Pooling/config.json", json!({"pooling_mode_mean_tokens": true}));
        let dense = refusal(&[(MODULES, modules(&["Transformer", "Pooling", "Dense"]))]);
        assert!(dense.contains("Transformer, Pooling, Dense"), "{dense}");
        let both = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true});
        assert!(refusal(&[usual(), ("1_Pooling/config.json", both)]).contains("pooling_mode_mean_tokens"));
        let last = json!({"pooling_mode_lasttoken": true});
        assert!(refusal(&[usual(), ("1_Pooling/config.json", last)]).contains("pooling_mode_lasttoken"));
        let lower = json!({"do_lower_case": true});
        assert!(refusal(&[usual(), mean(), (TRANSFORMER, lower)]).contains("`do_lower_case`: true"));
        let prompts = json!({"prompts": {"query": "query: "}, "default_prompt_name": "query"});
        assert!(refusal(&[usual(), mean(), (PROMPTS, prompts)]).contains("default_prompt_name"));
        let mut own = modules(&["Transformer", "Pooling"]);
        own[1]["type"] = json!("custom.Pooling");
        assert!(refusal(&[(MODULES, own)]).contains("custom.Pooling"));
    }
}
