//! What a folder says about its tokenizer, from all the files that may say it.
//!
//! `transformers` reads `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` and `config.json` beside
//! `tokenizer.json` or a bare vocabulary, and lets some override others. The order here is that of its fast tokenizers
//! in version 4.57 (`tokenization_utils_base.py`, `_from_pretrained`; `tokenization_utils_fast.py`, `__init__`), by
//! which published checkpoints were written and evaluated. Every setting is applied as it is there, or is known to
//! change no id (`known`), or is refused.
//!
//! - `apply`: what a tokenizer becomes by them
//! - `class`: the classes that are obeyed
//! - `known`: the settings that are
//! - `tokens`: special and added tokens

mod apply;
mod class;
mod known;
mod tokens;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokenizers::{AddedToken, Tokenizer, TruncationDirection};

pub use self::{
    class::{Class, Family},
    known::Effect,
    tokens::{Named, Role},
};
use crate::{checkpoint::read_object, error::LoadError};

const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const SPECIAL_TOKENS_MAP: &str = "special_tokens_map.json";
const ADDED_TOKENS: &str = "added_tokens.json";
const CONFIG: &str = "config.json";

/// Settings that name files.
const DESCRIPTION: &str = "tokenizer_file";
const OTHER_VOCABULARIES: [&str; 2] = ["vocab_file", "merges_file"];

/// `transformers` writes a huge number for "no limit".
const LARGEST_STATED_MAX: u64 = 1 << 20;

/// Which end of a text that is too long is cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    Left,
    #[default]
    Right,
}

/// A setting that was read, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub file: &'static str,
    pub name: String,
    pub effect: Effect,
}

/// What the files say, before anything is made of it.
pub struct Stated {
    directory: PathBuf,
    class: &'static Class,
    config: Map<String, Value>,
    special: Map<String, Value>,
    added: Map<String, Value>,
    settings: Vec<Setting>,
}

/// The settings of a tokenizer.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of the files' own, or follows from one")]
#[derive(Debug)]
pub struct Settings {
    pub class: &'static Class,
    pub lower_case: bool,
    pub strip_accents: Option<bool>,
    pub tokenize_chinese_chars: bool,
    pub add_prefix_space: Option<bool>,
    pub truncation_side: Option<Side>,
    split_special_tokens: bool,
    /// A bare vocabulary is converted without a normalizer to speak of, which the class then changes.
    is_converted_plain: bool,
    /// There is a bare vocabulary instead of a description.
    of_vocabulary: bool,
    /// `added_tokens_decoder` says all about added tokens.
    has_decoder: bool,
    /// transformers 5 wrote the folder: its description says all, and nothing may be changed.
    is_complete: bool,
    special: Vec<(Role, Named)>,
    additional: Vec<Named>,
    /// By id.
    added: BTreeMap<u32, AddedToken>,
}

impl Stated {
    /// Reads the files of `directory`.
    ///
    /// # Errors
    /// A file that is not JSON, a class that is not obeyed, and a setting that is not known.
    pub fn read(directory: &Path, has_tokenizer_json: bool) -> Result<Self, LoadError> {
        let file = |name: &str| directory.join(name);
        let object = |name: &str| read_object(&file(name));
        let (config, special, added) = (object(TOKENIZER_CONFIG)?, object(SPECIAL_TOKENS_MAP)?, object(ADDED_TOKENS)?);
        let model = object(CONFIG)?;
        let class = class(directory, &config, &model, has_tokenizer_json)?;
        let mut settings = Vec::new();
        for name in config.keys() {
            let effect = if is_token(name) { Some(Effect::Applied) } else { known::in_tokenizer_config(name) };
            let effect = effect.ok_or_else(|| unknown(&file(TOKENIZER_CONFIG), name))?;
            settings.push(Setting { file: TOKENIZER_CONFIG, name: name.clone(), effect });
        }
        for name in special.keys() {
            if !is_token(name) {
                return Err(unknown(&file(SPECIAL_TOKENS_MAP), name));
            }
        }
        // Where the decoder is stated, it says all of it.
        let legacy = if config.contains_key("added_tokens_decoder") {
            Effect::None("`added_tokens_decoder` says it")
        } else {
            Effect::Applied
        };
        settings.extend(special.keys().map(|name| Setting {
            file: SPECIAL_TOKENS_MAP,
            name: name.clone(),
            effect: legacy,
        }));
        settings.extend((!added.is_empty()).then(|| Setting {
            file: ADDED_TOKENS,
            name: format!("{} tokens", added.len()),
            effect: legacy,
        }));
        Ok(Self { directory: directory.to_owned(), class, config, special, added, settings })
    }

    pub fn class(&self) -> &'static Class {
        self.class
    }

    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Refuses another name of the description: with `null`, transformers converts the bare vocabulary and takes a part
    /// of `tokenizer.json` all the same.
    pub fn refuse_other_description(&self) -> Result<(), LoadError> {
        match self.config.get(DESCRIPTION) {
            None => Ok(()),
            Some(path) => {
                let expected = format!("no `{DESCRIPTION}` in a folder that has a tokenizer.json");
                Err(self.invalid(TOKENIZER_CONFIG, &expected, &path.to_string()))
            }
        }
    }

    /// Refuses paths of another machine, which transformers would read instead of the vocabulary beside them.
    pub fn refuse_other_vocabularies(&self) -> Result<(), LoadError> {
        match OTHER_VOCABULARIES.into_iter().find_map(|name| Some((name, self.config.get(name)?))) {
            None => Ok(()),
            Some((name, path)) => {
                Err(self.invalid(TOKENIZER_CONFIG, &format!("no path as `{name}`"), &path.to_string()))
            }
        }
    }

    /// Version 5 writes a list where 4.57 wants an object, and stops.
    fn is_written_by_5(&self) -> bool {
        self.config.get("extra_special_tokens").is_some_and(Value::is_array)
    }

    /// Equal where the files say the same.
    pub fn digest(&self) -> [u8; 32] {
        let said = serde_json::to_vec(&(self.class.name, &self.config, &self.special, &self.added));
        Sha256::digest(said.unwrap_or_default()).into()
    }

    /// What becomes of it all beside the added tokens of `tokenizer.json`, or a bare vocabulary.
    pub fn resolve(&self, described: Option<&Tokenizer>) -> Result<Settings, LoadError> {
        let (added, special, additional) = self.all_tokens(described)?;
        let wrapped = |(role, token)| (role, self.class.wrap(role, token, described.is_none()));
        // MPNet's converter takes what such a tokenizer leaves out for what it does not do, and its class does not
        // correct that.
        let is_basic = self.flag("do_basic_tokenize")?.unwrap_or(true);
        let without_chinese = described.is_none() && self.class.family == Family::Mpnet && !is_basic;
        Ok(Settings {
            class: self.class,
            lower_case: self.flag("do_lower_case")?.unwrap_or(true),
            strip_accents: self.flag("strip_accents")?,
            tokenize_chinese_chars: !without_chinese && self.flag("tokenize_chinese_chars")?.unwrap_or(true),
            add_prefix_space: self.flag("add_prefix_space")?,
            truncation_side: self.side()?,
            split_special_tokens: self.flag("split_special_tokens")?.unwrap_or(false),
            is_converted_plain: described.is_none() && !is_basic,
            of_vocabulary: described.is_none(),
            has_decoder: self.config.contains_key("added_tokens_decoder"),
            is_complete: self.is_written_by_5(),
            special: special.into_iter().map(wrapped).collect(),
            additional,
            added,
        })
    }

    /// Added tokens by id, the special token of each role, and additional ones.
    #[expect(clippy::type_complexity, reason = "three parts of one value, taken apart at once")]
    fn all_tokens(
        &self,
        described: Option<&Tokenizer>,
    ) -> Result<(BTreeMap<u32, AddedToken>, Vec<(Role, Named)>, Vec<Named>), LoadError> {
        let stated = self.config.get("added_tokens_decoder");
        let mut added = BTreeMap::new();
        let mut special: HashMap<&str, Named> = HashMap::new();
        let mut additional = self.additional_of(&self.config, TOKENIZER_CONFIG)?;
        for role in Role::ALL {
            special.extend(self.token_of(&self.config, TOKENIZER_CONFIG, role)?.map(|token| (role.key(), token)));
        }
        if let Some(decoder) = stated {
            added = self.decoder(decoder)?;
        } else {
            for role in Role::ALL {
                let token = self.token_of(&self.special, SPECIAL_TOKENS_MAP, role)?;
                special.extend(token.map(|token| (role.key(), special_token(token))));
            }
            for token in self.additional_of(&self.special, SPECIAL_TOKENS_MAP)?.into_iter().flatten() {
                let known = additional.get_or_insert_default();
                if !known.contains(&token) {
                    known.push(token);
                }
            }
            for (content, id) in &self.added {
                let id = id
                    .as_u64()
                    .and_then(|id| u32::try_from(id).ok())
                    .ok_or_else(|| self.invalid(ADDED_TOKENS, "an id for each token", &format!("{content:?}: {id}")))?;
                let named = special.values().chain(additional.iter().flatten());
                let is_special = named.into_iter().any(|token| token.content() == content);
                added.insert(id, AddedToken::from(content.clone(), is_special));
            }
            added.extend(described.into_iter().flat_map(|tokenizer| tokenizer.get_added_tokens_decoder()));
        }
        // A role that is given by its content takes the token of that content.
        let by_content: HashMap<&str, &AddedToken> =
            added.values().map(|token| (token.content.as_str(), token)).collect();
        let roles = Role::ALL.into_iter().filter_map(|role| {
            let own = special.remove(role.key()).map(|token| match by_content.get(token.content()) {
                Some(&token) => Named::Token(token.clone()),
                None => token,
            });
            let default = || if self.is_null(role) { None } else { self.class.default_token(role) };
            // A description that pads says with what.
            let padding = || Some(Named::Content(described?.get_padding()?.pad_token.clone()));
            let token = own.or_else(default).or_else(|| if role == Role::Padding { padding() } else { None });
            Some((role, token?))
        });
        let roles = roles.collect();
        let additional = additional.unwrap_or_else(|| self.class.default_additional());
        Ok((added, roles, additional))
    }

    fn decoder(&self, decoder: &Value) -> Result<BTreeMap<u32, AddedToken>, LoadError> {
        let expected = "`added_tokens_decoder`, an object of ids and tokens";
        let invalid = |found: &str| self.invalid(TOKENIZER_CONFIG, expected, found);
        let tokens = decoder.as_object().ok_or_else(|| invalid(&decoder.to_string()))?;
        let token = |(id, token): (&String, &Value)| {
            let id = id.parse().map_err(|_| invalid(&format!("the id {id:?}")))?;
            let fields = token.as_object().ok_or_else(|| invalid(&token.to_string()))?;
            Ok((id, tokens::added_token(fields, false).map_err(|found| invalid(&found))?))
        };
        tokens.iter().map(token).collect()
    }

    fn token_of(&self, map: &Map<String, Value>, file: &str, role: Role) -> Result<Option<Named>, LoadError> {
        let Some(value) = map.get(role.key()).filter(|value| !value.is_null()) else { return Ok(None) };
        let token = Named::read(value);
        token.map(Some).map_err(|found| self.invalid(file, &format!("a token as `{}`", role.key()), &found))
    }

    /// A role that a file has, with no token.
    fn is_null(&self, role: Role) -> bool {
        self.config.get(role.key()).is_some_and(Value::is_null)
    }

    fn additional_of(&self, map: &Map<String, Value>, file: &str) -> Result<Option<Vec<Named>>, LoadError> {
        let mut all = None;
        for name in ["additional_special_tokens", "extra_special_tokens"] {
            let values: Vec<&Value> = match map.get(name) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(values)) => values.iter().collect(),
                Some(Value::Object(values)) => values.values().collect(),
                Some(other) => return Err(self.invalid(file, &format!("a list as `{name}`"), &other.to_string())),
            };
            let read =
                |value| Named::read(value).map_err(|found| self.invalid(file, &format!("tokens in `{name}`"), &found));
            let tokens = values.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
            all.get_or_insert_with(Vec::new).extend(tokens);
        }
        Ok(all)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, LoadError> {
        match self.config.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => {
                Err(self.invalid(TOKENIZER_CONFIG, &format!("true or false as `{name}`"), &other.to_string()))
            }
        }
    }

    fn side(&self) -> Result<Option<Side>, LoadError> {
        match self.config.get("truncation_side") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(side)) if side == "left" => Ok(Some(Side::Left)),
            Some(Value::String(side)) if side == "right" => Ok(Some(Side::Right)),
            Some(other) => {
                Err(self.invalid(TOKENIZER_CONFIG, "left or right as `truncation_side`", &other.to_string()))
            }
        }
    }

    /// The longest sequence, special tokens included.
    pub fn max_tokens(&self) -> Result<Option<usize>, LoadError> {
        let stated = ["model_max_length", "max_len"].into_iter().find_map(|name| Some((name, self.config.get(name)?)));
        let Some((name, value)) = stated.filter(|(_, value)| !value.is_null()) else { return Ok(None) };
        // Python writes its huge integer as it is, or as a float; another float is no length to transformers, either.
        let huge = value.as_f64().filter(|length| *length >= LARGEST_STATED_MAX as f64).map(|length| length as u64);
        let length = value.as_u64().or(huge);
        match length {
            None if value == "Infinity" => Ok(None),
            Some(length) if (1..LARGEST_STATED_MAX).contains(&length) => Ok(Some(length as usize)),
            Some(LARGEST_STATED_MAX..) => Ok(None),
            _ => Err(self.invalid(TOKENIZER_CONFIG, &format!("a length as `{name}`"), &value.to_string())),
        }
    }

    fn invalid(&self, file: &str, expected: &str, found: &str) -> LoadError {
        LoadError::invalid(&self.directory.join(file), expected, found)
    }
}

impl Settings {
    /// The content of a role's token.
    pub fn token(&self, role: Role) -> Option<&str> {
        self.special.iter().find(|(known, _)| *known == role).map(|(_, token)| token.content())
    }

    /// Whether any added token is looked for in normalized text.
    pub fn looks_in_normalized_text(&self) -> bool {
        let named = self.special.iter().map(|(_, token)| token).chain(&self.additional);
        let is_normalized = |token: &Named| matches!(token, Named::Token(token) if token.normalized);
        self.added.values().any(|token| token.normalized) || named.into_iter().any(is_normalized)
    }

    /// The content of the token of a role that a vocabulary cannot be without.
    pub fn required(&self, role: Role) -> Result<&str, tokenizers::Error> {
        self.token(role).ok_or_else(|| format!("no `{}`", role.key()).into())
    }

    /// Which end of a text is cut off: what is stated, or else what the tokenizer's own truncation does.
    pub fn side(&self, tokenizer: &Tokenizer) -> Side {
        let own = || match tokenizer.get_truncation()?.direction {
            TruncationDirection::Left => Some(Side::Left),
            TruncationDirection::Right => Some(Side::Right),
        };
        self.truncation_side.or_else(own).unwrap_or_default()
    }
}

fn special_token(token: Named) -> Named {
    match token {
        Named::Token(token) => Named::Token(token.special(true)),
        content @ Named::Content(_) => content,
    }
}

fn is_token(name: &str) -> bool {
    Role::ALL.iter().any(|role| role.key() == name)
        || matches!(name, "additional_special_tokens" | "extra_special_tokens")
}

fn unknown(path: &Path, name: &str) -> LoadError {
    LoadError::invalid(path, "settings that are known not to change ids, or how", format!("`{name}`"))
}

/// The class that a folder's files name, or that its model type has.
fn class(
    directory: &Path,
    tokenizer: &Map<String, Value>,
    model: &Map<String, Value>,
    has_tokenizer_json: bool,
) -> Result<&'static Class, LoadError> {
    let named = [(TOKENIZER_CONFIG, tokenizer), (CONFIG, model)].into_iter().find_map(|(file, fields)| {
        let name = fields.get("tokenizer_class")?.as_str()?;
        Some((file, name))
    });
    if let Some((file, name)) = named {
        return Class::named(name).ok_or_else(|| {
            LoadError::invalid(
                &directory.join(file),
                format!(
                    "a `tokenizer_class` of {}; others may save their tokenizer as `PreTrainedTokenizerFast` with a \
                     tokenizer.json",
                    Class::names()
                ),
                name,
            )
        });
    }
    let model_type = model.get("model_type").and_then(Value::as_str);
    match model_type.and_then(Class::of_model_type) {
        Some(class) => Ok(class),
        None if has_tokenizer_json => Ok(Class::complete()),
        None => Err(LoadError::invalid(
            &directory.join(TOKENIZER_CONFIG),
            format!("a `tokenizer_class`, which says what kind of vocabulary this is: {}", Class::names()),
            model_type.map_or("none".to_owned(), |model_type| format!("none, and the model type {model_type:?}")),
        )),
    }
}
