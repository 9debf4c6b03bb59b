//! What an encoder's vectors are for: what is put in front of a text, and how two vectors are compared.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value};

use super::unsupported;
use crate::{checkpoint::json::read_object, error::LoadError};

const FILE: &str = "config_sentence_transformers.json";
const DEFAULT_PROMPT: &str = "default_prompt_name";
/// Who wrote the folder, and what the library needs to be.
const WITHOUT_EFFECT: [&str; 2] = ["__version__", "requirements"];
/// Prompts that the library adds to every model's, empty.
const EVERYBODYS: [&str; 2] = ["query", "document"];

/// How an encoder is meant to be used. None of it is done by a model: it answers texts as they are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What goes in front of texts of a kind, such as `query`, without anything between; by the folder's names.
    pub prompts: BTreeMap<String, String>,
    /// What goes in front of a text of which nothing else is known; the text of a prompt, which may be empty.
    pub default_prompt: Option<String>,
    pub similarity: Similarity,
}

/// How vectors are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Similarity {
    /// Also where a folder says nothing.
    #[default]
    Cosine,
    Dot,
}

impl Similarity {
    pub const ALL: [Self; 2] = [Self::Cosine, Self::Dot];

    /// The name in folders.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::Dot => "dot",
        }
    }
}

impl Usage {
    /// What `folder` says.
    ///
    /// # Errors
    /// Another kind of model, vectors that are cut, a comparison that Chorus has not, a default prompt that is none.
    pub fn read(folder: &Path) -> Result<Self, LoadError> {
        let path = folder.join(FILE);
        let settings = read_object(&path)?;
        let mut usage = Self::default();
        for (name, value) in &settings {
            match (name.as_str(), value) {
                ("model_type", Value::String(kind)) if kind == "SentenceTransformer" => {}
                ("prompts", Value::Object(prompts)) => usage.prompts = texts(&path, prompts)?,
                // The default is told below, of all prompts.
                (_, Value::Null) | (DEFAULT_PROMPT, _) => {}
                ("similarity_fn_name", value) => {
                    let known = Similarity::ALL.into_iter().find(|similarity| value == similarity.name());
                    let expected = "cosine or dot as `similarity_fn_name`";
                    usage.similarity = known.ok_or_else(|| LoadError::invalid(&path, expected, value.to_string()))?;
                }
                (name, _) if WITHOUT_EFFECT.contains(&name) => {}
                (name, value) => return Err(unsupported(&path, name, value)),
            }
        }
        usage.default_prompt = usage.named(&path, settings.get(DEFAULT_PROMPT))?;
        Ok(usage)
    }

    /// Whether anything may be put in front of a text.
    pub fn has_prompts(&self) -> bool {
        self.prompts.values().any(|prompt| !prompt.is_empty())
    }

    /// The prompt of that name.
    fn named(&self, path: &Path, name: Option<&Value>) -> Result<Option<String>, LoadError> {
        let Some(name) = name.filter(|name| !name.is_null()) else { return Ok(None) };
        let prompt = name.as_str().and_then(|name| match self.prompts.get(name) {
            None if EVERYBODYS.contains(&name) => Some(String::new()),
            prompt => prompt.cloned(),
        });
        let names = || self.prompts.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let expected = || format!("one of the prompts ({}) as `{DEFAULT_PROMPT}`", names());
        prompt.map(Some).ok_or_else(|| LoadError::invalid(path, expected(), name.to_string()))
    }
}

/// The prompts' texts; one without is empty.
fn texts(path: &Path, prompts: &Map<String, Value>) -> Result<BTreeMap<String, String>, LoadError> {
    let text = |(name, prompt): (&String, &Value)| match prompt {
        Value::Null => Ok((name.clone(), String::new())),
        Value::String(prompt) => Ok((name.clone(), prompt.clone())),
        other => Err(LoadError::invalid(path, format!("a text as the prompt {name:?}"), other.to_string())),
    };
    prompts.iter().map(text).collect()
}
