//! The file that is written: whole and under its name, or not there at all.

use std::{
    ffi::OsString,
    fs::{File, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::fault::Fault;

/// What others may do with the file, before the process's umask; a temporary file is private by default.
const MODE: u32 = 0o666;

/// A temporary file beside `path`, `.<name>.<random>.partial`. It is removed unless it is finished.
pub struct Destination {
    file: NamedTempFile,
    path: PathBuf,
    hash: Sha256,
    length: u64,
}

impl Destination {
    pub fn create(path: &Path) -> Result<Self, Fault> {
        let mut prefix = OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let file = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder(path))
            .map_err(Fault::Destination)?;
        Ok(Self { file, path: path.to_owned(), hash: Sha256::new(), length: 0 })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.file.write_all(bytes).map_err(Fault::Destination)?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Gives the file its name once it is on the disk; returns its length and the hash of its bytes.
    pub fn finish(self) -> Result<(u64, String), Fault> {
        self.file.as_file().sync_all().map_err(Fault::Destination)?;
        self.file.persist(&self.path).map_err(|error| Fault::Destination(error.error))?;
        // The name is on the disk only when the folder is. Some file systems cannot sync one: the file
        // is complete all the same.
        let _ = File::open(folder(&self.path)).and_then(|folder| folder.sync_all());
        Ok((self.length, format!("{:x}", self.hash.finalize())))
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
