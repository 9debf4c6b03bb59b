//! A model's folder with the files of one input.

use std::{fs, path::Path};

use tempfile::TempDir;

/// What separates the files of an input that is several; no text file has it.
const SEPARATOR: u8 = 0;

/// A folder that is removed with this value.
pub struct Folder(TempDir);

impl Folder {
    /// A folder with `files`, by name.
    pub fn of(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().expect("room for a folder");
        for (name, contents) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder above")).expect("room for a folder");
            fs::write(path, contents).expect("room for a file");
        }
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The input as `N` files, the last of which may have separators; files that are not there are empty.
pub fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut parts = input.splitn(N, |byte| *byte == SEPARATOR);
    [(); N].map(|()| parts.next().unwrap_or_default())
}
