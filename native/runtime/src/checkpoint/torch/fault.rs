//! What can go wrong while a checkpoint is converted.
//!
//! Readers do not know their file's path; it is added once, in `convert`.

use std::{io, path::Path};

use crate::error::LoadError;

/// Names from a file are cut to this many characters in a message.
const QUOTED: usize = 100;

/// Why a conversion failed.
#[derive(Debug)]
pub enum Fault {
    /// The destination cannot be written.
    Destination(io::Error),
    /// The file is not what it should be.
    Invalid { expected: String, found: String },
    /// The source cannot be read.
    Source(io::Error),
}

impl Fault {
    pub fn invalid(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Invalid { expected: expected.into(), found: found.into() }
    }

    /// Something a file of weights has no use for: a function, an object, a pickle instruction.
    pub fn refused(found: impl Into<String>) -> Self {
        Self::invalid("a state dict of tensors only", found)
    }

    pub fn into_load_error(self, source: &Path, destination: &Path) -> LoadError {
        match self {
            Self::Destination(error) => LoadError::unwritable(destination, &error),
            Self::Invalid { expected, found } => LoadError::invalid(source, expected, found),
            Self::Source(error) => LoadError::unreadable(source, &error),
        }
    }
}

/// A name from the file, fit for a message of one line.
pub fn quote(name: &str) -> String {
    let cut: String = name.chars().take(QUOTED).collect();
    let more = if cut.len() < name.len() { "…" } else { "" };
    format!("`{}{more}`", cut.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_name_is_short_and_on_one_line() {
        assert_eq!(quote("a.weight"), "`a.weight`");
        assert_eq!(quote("a\nb\u{1b}"), "`a\\nb\\u{1b}`");
        assert_eq!(quote(&"x".repeat(1000)).chars().count(), QUOTED + "``…".chars().count());
    }
}
