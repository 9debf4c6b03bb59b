//! Files of an index that are checked and mapped.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use memmap2::{Advice, Mmap};
use sha2::{Digest, Sha256};

use crate::IndexError;

/// What a file must be.
#[derive(Clone, Debug)]
pub struct FileDigest {
    pub name: String,
    /// Hexadecimal, in small letters.
    pub sha256: String,
}

/// A mapped file; one that is empty cannot be mapped, and is no bytes.
pub struct Mapped {
    pub path: PathBuf,
    map: Option<Mmap>,
}

impl Mapped {
    pub fn open(folder: &Path, name: &str) -> Result<Self, IndexError> {
        let path = folder.join(name);
        let file = File::open(&path).map_err(|error| IndexError::io(&path, error))?;
        let length = file.metadata().map_err(|error| IndexError::io(&path, error))?.len();
        if length == 0 {
            return Ok(Self { path, map: None });
        }
        // SAFETY: the mapping is read-only, and files of an index are not changed after they are written.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| IndexError::io(&path, error))?;
        // All of it is going to be read. Where the advice is not taken, the first search is slower.
        let _ = map.advise(Advice::WillNeed);
        Ok(Self { path, map: Some(map) })
    }

    /// As of [`Mapped::open`], of exactly `rows` rows of `row` bytes.
    pub fn of_rows(folder: &Path, name: &str, rows: usize, row: usize) -> Result<Self, IndexError> {
        let mapped = Self::open(folder, name)?;
        let (found, expected) = (mapped.bytes().len() as u64, rows as u64 * row as u64);
        if found == expected {
            return Ok(mapped);
        }
        Err(IndexError::Size { path: mapped.path, found, expected, rows })
    }

    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// The file as values of `T`, of which it has a whole number: `of_rows` has seen to it, and a page is aligned for all.
    pub fn values<T: bytemuck::AnyBitPattern>(&self) -> &[T] {
        self.map.as_deref().map_or(&[], bytemuck::cast_slice)
    }
}

/// Reads the file that `expected` names.
///
/// # Errors
/// When it is another.
pub fn verify(folder: &Path, expected: &FileDigest) -> Result<(), IndexError> {
    let mapped = Mapped::open(folder, &expected.name)?;
    let found = format!("{:x}", Sha256::digest(mapped.bytes()));
    if found == expected.sha256 {
        return Ok(());
    }
    Err(IndexError::Digest { path: mapped.path, found, expected: expected.sha256.clone() })
}
