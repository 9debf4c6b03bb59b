//! Files whose contents are known beforehand.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::error::LoadError;

/// Large enough that reading costs little beside hashing, small enough for a core's own cache.
const BUFFER_BYTES: usize = 1 << 18;

/// A file and what a lock says of it.
#[derive(Clone, Debug)]
pub struct LockedFile {
    pub path: PathBuf,
    pub bytes: u64,
    /// In hexadecimal digits.
    pub sha256: String,
}

impl LockedFile {
    /// Reads the whole file; refuses it unless its contents are the locked ones.
    pub fn verify(&self) -> Result<(), LoadError> {
        let unreadable = |error: io::Error| LoadError::unreadable(&self.path, &error);
        let size = self.path.metadata().map_err(unreadable)?.len();
        if size != self.bytes {
            let expected = format!("{} bytes, as the lock says", self.bytes);
            return Err(LoadError::invalid(&self.path, expected, size.to_string()));
        }
        let found = sha256(&self.path)?;
        if found != self.sha256 {
            return Err(LoadError::invalid(&self.path, format!("the sha256 {} of the lock", self.sha256), found));
        }
        Ok(())
    }
}

/// A file's sha256, in hexadecimal digits.
pub fn sha256(path: &Path) -> Result<String, LoadError> {
    let unreadable = |error: io::Error| LoadError::unreadable(path, &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    Ok(hash.finalize().iter().fold(String::with_capacity(64), |mut digits, byte| {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The test vector "abc" of FIPS 180-4.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn locked(directory: &Path, contents: &str) -> LockedFile {
        let path = directory.join("config.json");
        fs::write(&path, contents).expect("a writable directory");
        LockedFile { path, bytes: 3, sha256: ABC.to_owned() }
    }

    #[test]
    fn the_locked_contents_pass() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        assert!(locked(directory.path(), "abc").verify().is_ok());
    }

    #[test]
    fn other_contents_are_named_with_both_digests() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let message = locked(directory.path(), "abd").verify().unwrap_err().to_string();
        assert!(
            message.contains(&format!("config.json: expected the sha256 {ABC} of the lock, found a52d1")),
            "{message}"
        );
    }

    #[test]
    fn another_size_is_named_without_reading() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let message = locked(directory.path(), "abcd").verify().unwrap_err().to_string();
        assert!(message.ends_with("expected 3 bytes, as the lock says, found 4"), "{message}");
    }
}
