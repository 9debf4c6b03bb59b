//! A folder of sentence-transformers: what is done with the vectors of an encoder's tokens.
//!
//! `modules.json` lists modules, each with the folder of its settings. Those that Chorus has are obeyed, every other
//! module and setting is refused: a vector without them would be another model's. Read as versions 2 to 6 write it and
//! version 6.2 reads it.
//!
//! - `transformer`, `pooling`: the settings of these modules
//! - `usage`: what the vectors are for, which is told and not done

mod pooling;
#[cfg(test)]
mod tests;
mod transformer;
mod usage;

use std::path::{Path, PathBuf};

use chorus_core::spec::Pooling;
use serde_json::Value;

pub use self::usage::{Similarity, Usage};
use super::{
    json::{read_object, read_optional_json},
    within,
};
use crate::error::LoadError;

const MODULES: &str = "modules.json";
const MODULE_CONFIG: &str = "config.json";
/// Where the library's classes are: up to version 5.3, and since.
const PACKAGES: [&str; 3] = [
    "sentence_transformers.models.",
    "sentence_transformers.base.modules.",
    "sentence_transformers.sentence_transformer.modules.",
];
/// What Normalize reads and writes: the vector of a text.
const NORMALIZED: [&str; 2] = ["module_input_name", "module_output_name"];
const SENTENCE: &str = "sentence_embedding";

/// What a folder's modules make of the vectors of tokens, and what that is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modules {
    pub pooling: Pooling,
    /// Whether vectors have the length 1.
    pub normalize: bool,
    /// The longest sequence, special tokens included.
    pub max_tokens: Option<usize>,
    pub usage: Usage,
    /// The settings that were read in folders below.
    pub files: Vec<PathBuf>,
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
        let kinds: Vec<Option<&str>> = modules.iter().map(Module::kind).collect();
        let (transformer, pooling, normalize) = match (&kinds[..], &modules[..]) {
            ([Some("Transformer"), Some("Pooling")], [transformer, pooling]) => (transformer, pooling, None),
            ([Some("Transformer"), Some("Pooling"), Some("Normalize")], [transformer, pooling, normalize]) => {
                (transformer, pooling, Some(normalize))
            }
            _ => {
                let expected = "the modules Transformer, Pooling and, optionally, Normalize";
                let found: Vec<&str> = modules.iter().map(|module| module.kind().unwrap_or(&module.class)).collect();
                return Err(LoadError::invalid(&path, expected, found.join(", ")));
            }
        };
        if let Some(name) = repeated(&modules) {
            let expected = "modules with a name of their own";
            return Err(LoadError::invalid(&path, expected, format!("two of the name {name:?}")));
        }
        if !transformer.path.is_empty() {
            let expected = "a transformer in the folder itself; a profile may name its folder, with a `pooling`";
            return Err(LoadError::invalid(&path, expected, format!("one in {}", transformer.path)));
        }
        let settings = |module: &Module| {
            let own = within(folder, &module.path).ok_or_else(|| {
                LoadError::invalid(&path, "modules in folders below it (`path`)", format!("{:?}", module.path))
            })?;
            Ok(own.join(MODULE_CONFIG))
        };
        let pooling_file = settings(pooling)?;
        let normalize_file = normalize.map(settings).transpose()?;
        normalize_file.iter().try_for_each(|file| refuse_other_vectors(file))?;
        let usage = Usage::read(folder)?;
        Ok(Some(Self {
            pooling: pooling::pooling(&pooling_file, usage.has_prompts())?,
            normalize: normalize.is_some(),
            max_tokens: transformer::max_tokens(folder)?,
            usage,
            files: [pooling_file].into_iter().chain(normalize_file.filter(|file| file.is_file())).collect(),
        }))
    }
}

struct Module {
    name: Option<String>,
    class: String,
    path: String,
}

impl Module {
    fn read(module: &Value) -> Option<Self> {
        Some(Self {
            name: module.get("name").and_then(Value::as_str).map(str::to_owned),
            class: module.get("type")?.as_str()?.to_owned(),
            path: module.get("path")?.as_str()?.to_owned(),
        })
    }

    /// The last part of its class's name; somebody's own module is not the library's of that name.
    fn kind(&self) -> Option<&str> {
        let own = PACKAGES.iter().find_map(|package| self.class.strip_prefix(package))?;
        own.rsplit('.').next()
    }
}

/// The name of two modules, of which the library keeps the last.
fn repeated(modules: &[Module]) -> Option<&str> {
    let mut names = modules.iter().enumerate().filter_map(|(place, module)| Some((place, module.name.as_deref()?)));
    names.find_map(|(place, name)| {
        modules[..place].iter().any(|other| other.name.as_deref() == Some(name)).then_some(name)
    })
}

/// Since version 6, Normalize may be that of the vectors of tokens.
fn refuse_other_vectors(path: &Path) -> Result<(), LoadError> {
    for (name, value) in read_object(path)? {
        let is_usual = NORMALIZED.contains(&name.as_str()) && value == SENTENCE;
        if !is_usual && !value.is_null() {
            return Err(unsupported(path, &name, &value));
        }
    }
    Ok(())
}

fn unsupported(path: &Path, name: &str, value: &Value) -> LoadError {
    LoadError::invalid(path, "settings that Chorus has", format!("`{name}`: {value}"))
}
