use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Why an index cannot be written or opened, or a vector not be looked for.
#[derive(Debug, Error)]
pub enum IndexError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: it has {found} bytes, and {rows} rows take {expected}", path.display())]
    Size { path: PathBuf, found: u64, expected: u64, rows: usize },
    #[error("{}: its sha256 is {found}, and the manifest says {expected}", path.display())]
    Digest { path: PathBuf, found: String, expected: String },
    #[error("{}: {problem}", path.display())]
    Content { path: PathBuf, problem: String },
    #[error("the vector has {found} values, and the index has {expected}")]
    Dimensions { found: usize, expected: usize },
    #[error("the vector has a value that is not a finite number")]
    NotFinite,
    #[error("the vector is zero, and has no direction")]
    Zero,
    #[error("the time was up before the index was searched")]
    TooLate,
    #[error("the search has failed; other requests are not affected")]
    Panicked,
}

impl IndexError {
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }

    pub(crate) fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.into() }
    }
}
