//! What makes two models answer every text alike, whatever they are called and wherever their files lie.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use chorus_core::spec::{Pooling, Task};
use sha2::{Digest, Sha256};

use super::{
    ModelConfig, ModelInfo,
    description::{Description, Source},
};

/// Kinds of files that say what a model is, by their extension.
const EXTENSIONS: [&str; 3] = ["json", "model", "txt"];
const WEIGHTS: &str = "safetensors";

/// What a model is read from, and what is made of its numbers.
pub struct Identity {
    /// The sha256 of each file, by its name in the model's folder.
    files: BTreeMap<String, String>,
    /// None for a classifier.
    pooling: Option<Pooling>,
    normalizes: bool,
}

impl Identity {
    /// Of the files that a lock names, or else of those in `hashed`.
    pub fn of(config: &ModelConfig, description: &Description, hashed: &HashMap<PathBuf, String>) -> Self {
        let name = |path: &Path| name_in(config, description, path);
        let locked = config.locked.iter().map(|file| (name(&file.path), file.sha256.clone()));
        let own = files_of(config, description).into_iter();
        let own = own.filter_map(|path| Some((name(&path), hashed.get(&path)?.clone())));
        Self {
            files: if config.locked.is_empty() { own.collect() } else { locked.collect() },
            pooling: match description.task {
                Task::Classification { .. } => None,
                Task::Embedding(pooling) => Some(pooling),
            },
            normalizes: description.normalizes(),
        }
    }

    /// The sha256 of a file that was read, if that is known.
    pub fn sha256(&self, config: &ModelConfig, description: &Description, path: &Path) -> Option<&str> {
        self.files.get(&name_in(config, description, path)).map(String::as_str)
    }

    /// In hexadecimal digits: the files, what changes an answer of what they and the profile say, how it is computed, and
    /// by which version of this crate.
    pub fn digest(&self, config: &ModelConfig, info: &ModelInfo) -> String {
        let labels: BTreeMap<_, _> = config.label_names.iter().collect();
        let vector = (self.pooling, self.normalizes);
        let options = (info.max_tokens, vector, info.precision.name(), info.provider, labels);
        let described = format!("{} {:?} {options:?}", env!("CARGO_PKG_VERSION"), self.files);
        format!("{:x}", Sha256::digest(described))
    }

    /// In hexadecimal digits: as of [`Identity::digest`], but for what changes no more than the last bits of a vector, which
    /// are what computes it and in which version.
    pub fn space(&self, info: &ModelInfo) -> String {
        let options = (info.max_tokens, self.pooling, self.normalizes, info.precision.name());
        format!("{:x}", Sha256::digest(format!("{:?} {options:?}", self.files)))
    }
}

/// The files that a model is read from.
pub fn files_of(config: &ModelConfig, description: &Description) -> Vec<PathBuf> {
    let has_extension = |path: &Path, extensions: &[&str]| {
        path.extension().and_then(|extension| extension.to_str()).is_some_and(|own| extensions.contains(&own))
    };
    let mut files = files_in(&description.folder, |path| has_extension(path, &EXTENSIONS));
    files.extend(description.modules.iter().flat_map(|modules| modules.files.clone()));
    match &description.source {
        Source::Checkpoint(_) => files.extend(files_in(config.weights(), |path| has_extension(path, &[WEIGHTS]))),
        // What lies beside it is not read.
        Source::Graph(graph) if graph.reads_text => files = vec![graph.path.clone()],
        Source::Graph(graph) => files.extend([&graph.path].into_iter().chain(&graph.data).cloned()),
    }
    files.sort();
    files.dedup();
    files
}

fn files_in(folder: &Path, is_read: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_file() && is_read(path)).collect()
}

/// A file's name below the model's folder, or that of its weights.
fn name_in(config: &ModelConfig, description: &Description, path: &Path) -> String {
    let below = [&*description.folder, config.weights()].into_iter().enumerate();
    let below = below.filter_map(|(place, folder)| Some((place, path.strip_prefix(folder).ok()?)));
    match below.min_by_key(|(place, _)| *place) {
        Some((0, name)) => name.to_string_lossy().into_owned(),
        Some((_, name)) => format!("weights/{}", name.display()),
        None => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chorus_core::requests::LoadTime;

    use super::*;
    use crate::{
        checkpoint::{Format, Usage},
        model::Precision,
    };

    const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/distilbert");

    /// Its numbers are in a file of their own.
    const GRAPH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/onnx-external");

    /// A copy of a small checkpoint.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for entry in fs::read_dir(FIXTURE).expect("a fixture").flatten() {
            fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("writable");
        }
        folder
    }

    fn config(path: &Path) -> ModelConfig {
        ModelConfig::new("any", path)
    }

    fn info() -> ModelInfo {
        ModelInfo {
            name: "any".to_owned(),
            architecture: "distilbert".to_owned(),
            labels: Vec::new(),
            max_tokens: 64,
            parameters: 1,
            precision: Precision::Exact,
            provider: "cpu",
            digest: String::new(),
            space: String::new(),
            width: 2,
            bytes: 0,
            load: LoadTime::Eager,
            usage: Usage::default(),
        }
    }

    fn digest(config: &ModelConfig, info: &ModelInfo) -> String {
        let description = Description::read(config).expect("a model");
        let files = files_of(config, &description).into_iter();
        let hashed = files.map(|path| (path.clone(), format!("{:?}", fs::read(&path).expect("a file")))).collect();
        Identity::of(config, &description, &hashed).digest(config, info)
    }

    #[test]
    fn the_same_files_and_options_are_the_same_model_wherever_they_lie() {
        let [one, other] = [(); 2].map(|()| {
            let folder = folder();
            digest(&config(folder.path()), &info())
        });
        assert_eq!(one, other);
        assert_eq!(one.len(), 64);
    }

    #[test]
    fn whatever_changes_an_answer_changes_the_digest() {
        let folder = folder();
        let mut digests = vec![digest(&config(folder.path()), &info())];
        let renamed = HashMap::from([("a".to_owned(), "b".to_owned())]);
        digests.push(digest(&ModelConfig { label_names: renamed, ..config(folder.path()) }, &info()));
        digests.push(digest(&config(folder.path()), &ModelInfo { max_tokens: 32, ..info() }));
        digests.push(digest(&config(folder.path()), &ModelInfo { precision: Precision::Int8, ..info() }));
        digests.push(digest(&config(folder.path()), &ModelInfo { provider: "cuda", ..info() }));
        for name in ["special_tokens_map.json", "model.safetensors"] {
            fs::write(folder.path().join(name), "{}").expect("writable");
            digests.push(digest(&config(folder.path()), &info()));
        }
        // What is read of a graph is another set of files, of the same names in part.
        let graphs = folder.path().join("onnx");
        fs::create_dir(&graphs).expect("writable");
        fs::write(graphs.join("config.json"), "not read").expect("writable");
        for name in ["model.onnx", "numbers.pb"] {
            fs::copy(Path::new(GRAPH).join(name), graphs.join(name)).expect("writable");
        }
        let graph = ModelConfig { format: Format::Onnx, ..config(folder.path()) };
        digests.push(digest(&graph, &info()));
        fs::write(graphs.join("numbers.pb"), "others").expect("writable");
        digests.push(digest(&graph, &info()));
        let distinct: std::collections::HashSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }

    #[test]
    fn what_is_not_read_does_not_matter() {
        let folder = folder();
        let before = digest(&config(folder.path()), &info());
        fs::write(folder.path().join("README.md"), "about it").expect("writable");
        fs::write(folder.path().join("pytorch_model.bin"), "the same weights").expect("writable");
        assert_eq!(digest(&config(folder.path()), &info()), before);
    }
}
