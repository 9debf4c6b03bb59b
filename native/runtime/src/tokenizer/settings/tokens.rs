//! Special and added tokens, as several files describe them.

use serde_json::{Map, Value};
use tokenizers::AddedToken;

/// What a special token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Beginning,
    End,
    Unknown,
    Separator,
    Padding,
    Classification,
    Mask,
}

impl Role {
    /// In the order in which `transformers` adds them.
    pub const ALL: [Self; 7] =
        [Self::Beginning, Self::End, Self::Unknown, Self::Separator, Self::Padding, Self::Classification, Self::Mask];

    /// The name in files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Beginning => "bos_token",
            Self::End => "eos_token",
            Self::Unknown => "unk_token",
            Self::Separator => "sep_token",
            Self::Padding => "pad_token",
            Self::Classification => "cls_token",
            Self::Mask => "mask_token",
        }
    }
}

/// A token as a file gives it: by its content alone, or with all that is to be known about it.
#[derive(Clone, Debug, PartialEq)]
pub enum Named {
    Content(String),
    Token(AddedToken),
}

impl Named {
    pub fn content(&self) -> &str {
        match self {
            Self::Content(content) => content,
            Self::Token(token) => &token.content,
        }
    }

    /// As a special token.
    pub fn special(&self) -> AddedToken {
        match self {
            Self::Content(content) => AddedToken::from(content.clone(), true),
            Self::Token(token) => token.clone().special(true),
        }
    }

    /// `Err` has what it is instead of a token.
    pub fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(content) => Ok(Self::Content(content.clone())),
            Value::Object(fields) => added_token(fields, true).map(Self::Token),
            other => Err(other.to_string()),
        }
    }
}

/// A token as `AddedToken(**fields)` makes it: what it does not say is false, but for `normalized`.
pub fn added_token(fields: &Map<String, Value>, special: bool) -> Result<AddedToken, String> {
    let unknown = fields.keys().find(|key| !FIELDS.contains(&key.as_str()));
    if let Some(unknown) = unknown {
        return Err(format!("a token with the field `{unknown}`"));
    }
    let content = fields.get("content").and_then(Value::as_str).ok_or("a token without `content`")?;
    let flag = |name: &str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(format!("`{name}`: {other}")),
    };
    let special = flag("special")?.unwrap_or(special);
    let token = AddedToken::from(content.to_owned(), special);
    Ok(token
        .single_word(flag("single_word")?.unwrap_or(false))
        .lstrip(flag("lstrip")?.unwrap_or(false))
        .rstrip(flag("rstrip")?.unwrap_or(false))
        .normalized(flag("normalized")?.unwrap_or(!special)))
}

const FIELDS: [&str; 8] = ["__type", "content", "id", "lstrip", "normalized", "rstrip", "single_word", "special"];
