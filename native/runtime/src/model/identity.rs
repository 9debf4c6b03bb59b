//! What makes two models answer every text alike, whatever they are called and wherever their files lie.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{ModelConfig, ModelInfo};

/// Files that a model may be read from, by their extension.
const EXTENSIONS: [&str; 7] = ["bin", "data", "json", "model", "onnx", "safetensors", "txt"];
/// A folder of a model's own that exporters put graphs into.
const ONNX_FOLDER: &str = "onnx";

/// The sha256 of each of a model's files, by name.
pub struct Identity(BTreeMap<String, String>);

impl Identity {
    /// Of the files that a lock names, or else of those in `hashed`.
    pub fn of(config: &ModelConfig, hashed: &HashMap<PathBuf, String>) -> Self {
        let locked = config.locked.iter().map(|file| (file_name(&file.path), file.sha256.clone()));
        let own = files_of(&config.path, config.weights()).into_iter();
        let own = own.filter_map(|path| Some((file_name(&path), hashed.get(&path)?.clone())));
        Self(if config.locked.is_empty() { own.collect() } else { locked.collect() })
    }

    /// In hexadecimal digits: the files, every option of the profile that changes an answer, how it is computed, and by
    /// which version of this crate.
    pub fn digest(&self, config: &ModelConfig, info: &ModelInfo) -> String {
        let labels: BTreeMap<_, _> = config.label_names.iter().collect();
        let options = (info.max_tokens, format!("{:?}", config.pooling), info.precision.name(), info.provider, labels);
        let described = format!("{} {:?} {options:?}", env!("CARGO_PKG_VERSION"), self.0);
        format!("{:x}", Sha256::digest(described))
    }
}

/// The files in a model's folders that it may be read from; of a file, itself.
pub fn files_of(path: &Path, weights: &Path) -> Vec<PathBuf> {
    let folders = [path.to_owned(), weights.to_owned(), weights.join(ONNX_FOLDER)];
    let mut files: Vec<PathBuf> = folders.iter().flat_map(|folder| files_in(folder)).collect();
    files.sort();
    files.dedup();
    files
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    if folder.is_file() {
        return vec![folder.to_owned()];
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_read = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        path.is_file() && EXTENSIONS.contains(&extension)
    };
    entries.filter(is_read).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Precision;

    fn config(path: &Path) -> ModelConfig {
        ModelConfig {
            name: "any".to_owned(),
            path: path.to_owned(),
            weights: None,
            locked: Vec::new(),
            max_tokens: None,
            pooling: None,
            label_names: HashMap::new(),
        }
    }

    fn info() -> ModelInfo {
        ModelInfo {
            name: "any".to_owned(),
            architecture: "bert".to_owned(),
            labels: Vec::new(),
            max_tokens: 512,
            parameters: 1,
            precision: Precision::Exact,
            provider: "cpu",
            digest: String::new(),
        }
    }

    fn digest(config: &ModelConfig, info: &ModelInfo) -> String {
        let files = files_of(&config.path, config.weights()).into_iter();
        let hashed = files.map(|path| (path.clone(), fs::read_to_string(&path).expect("a file"))).collect();
        Identity::of(config, &hashed).digest(config, info)
    }

    #[test]
    fn the_same_files_and_options_are_the_same_model_wherever_they_lie() {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        for folder in &folders {
            fs::write(folder.path().join("config.json"), "{}").expect("writable");
        }
        let [one, other] = folders.each_ref().map(|folder| digest(&config(folder.path()), &info()));
        assert_eq!(one, other);
        assert_eq!(one.len(), 64);
    }

    #[test]
    fn whatever_changes_an_answer_changes_the_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.json"), "{}").expect("writable");
        let mut digests = vec![digest(&config(folder.path()), &info())];
        let renamed = HashMap::from([("a".to_owned(), "b".to_owned())]);
        digests.push(digest(&ModelConfig { label_names: renamed, ..config(folder.path()) }, &info()));
        digests.push(digest(&config(folder.path()), &ModelInfo { max_tokens: 64, ..info() }));
        digests.push(digest(&config(folder.path()), &ModelInfo { precision: Precision::Int8, ..info() }));
        digests.push(digest(&config(folder.path()), &ModelInfo { provider: "cuda", ..info() }));
        fs::write(folder.path().join("vocab.txt"), "other").expect("writable");
        digests.push(digest(&config(folder.path()), &info()));
        let distinct: std::collections::HashSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }

    #[test]
    fn what_is_not_read_does_not_matter() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.json"), "{}").expect("writable");
        let before = digest(&config(folder.path()), &info());
        fs::write(folder.path().join("README.md"), "about it").expect("writable");
        assert_eq!(digest(&config(folder.path()), &info()), before);
    }
}
