//! Files whose contents were known once, and may have changed since.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::sha256;
use crate::error::LoadError;

/// What tells that a file has been written to or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    /// Nobody can set it back, as they can the time of the last write. Seconds and nanoseconds.
    changed: (i64, i64),
}

impl Stamp {
    pub fn of(path: &Path) -> Result<Self, LoadError> {
        let metadata = path.metadata().map_err(|error| LoadError::unreadable(path, &error))?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// A file and the contents that it must have.
#[derive(Debug)]
pub struct KnownFile {
    pub path: PathBuf,
    /// In hexadecimal digits.
    pub sha256: String,
    /// When it was last seen to have them, if it was.
    seen: Mutex<Option<Stamp>>,
}

impl KnownFile {
    /// `seen`: taken before its contents were read.
    pub fn new(path: &Path, sha256: &str, seen: Option<Stamp>) -> Self {
        Self { path: path.to_owned(), sha256: sha256.to_owned(), seen: Mutex::new(seen) }
    }

    /// Reads the file again if it may have changed.
    ///
    /// # Errors
    /// It is not there, or has other contents.
    pub fn verify(&self) -> Result<(), LoadError> {
        let stamp = Stamp::of(&self.path)?;
        if *self.seen.lock() == Some(stamp) {
            return Ok(());
        }
        let found = sha256(&self.path)?;
        if found != self.sha256 {
            let expected = format!("what it held at start (sha256 {}); a reload serves what it holds now", self.sha256);
            return Err(LoadError::invalid(&self.path, expected, found));
        }
        *self.seen.lock() = Some(stamp);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_may_go_and_come_back_but_not_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("weights");
        fs::write(&path, "abc").expect("writable");
        let seen = Some(Stamp::of(&path).expect("a file"));
        let file = KnownFile::new(&path, &sha256(&path).expect("a file"), seen);
        assert!(file.verify().is_ok());
        fs::remove_file(&path).expect("a file");
        assert!(matches!(file.verify(), Err(LoadError::Unreadable { .. })));
        fs::write(&path, "abd").expect("writable");
        let error = file.verify().expect_err("other contents").to_string();
        assert!(error.contains("expected what it held at start (sha256 ba7816bf"), "{error}");
        fs::write(&path, "abc").expect("writable");
        assert!(file.verify().is_ok());
    }

    #[test]
    fn contents_are_not_taken_for_known_where_they_were_never_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("weights");
        fs::write(&path, "abc").expect("writable");
        assert!(KnownFile::new(&path, "another", None).verify().is_err());
    }
}
