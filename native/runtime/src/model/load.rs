//! From a profile's entry to a loaded model.

use std::{
    collections::HashMap,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use chorus_core::{
    head::ClassificationHead,
    spec::{self, ModelSpec, Task},
};
use parking_lot::Mutex;
use serde_json::Value;

use super::{
    Batch, Hardware, Head, Model, ModelConfig, ModelInfo, Precision, Reader, Runner, Team, ThreadShare, cuda, encoder,
    identity::{Identity, files_of},
    padded::{PaddedModel, PaddedOptions},
};
use crate::{
    checkpoint::{LockedFile, has_weights, read_json, read_optional_json, sha256, store_as_safetensors},
    error::LoadError,
    onnxruntime::{Library, Provider},
    tokenizer::TextTokenizer,
};

/// Where exporters put a graph, in the order of preference.
const ONNX_FILES: [&str; 2] = ["model.onnx", "onnx/model.onnx"];
/// What a graph reads if neither the profile nor its config says so: BERT's length.
const DEFAULT_MAX_TOKENS: usize = 512;
/// `transformers` writes a huge `model_max_length` for "none".
const LARGEST_STATED_MAX: u64 = 1 << 20;

/// The distinct tokenizers of a profile. Models whose tokenizers give the same ids share one.
#[derive(Default)]
pub struct TokenizerSet {
    tokenizers: Vec<TextTokenizer>,
    by_files: HashMap<[u8; 32], usize>,
    by_fingerprint: HashMap<[u8; 32], usize>,
}

impl TokenizerSet {
    /// Loads the tokenizer of `directory` into `set`, which is locked for a moment only: parsing a large
    /// vocabulary takes the better part of a second. Returns its index.
    pub fn load(set: &Mutex<Self>, directory: &Path) -> Result<usize, LoadError> {
        let files = TextTokenizer::files_digest(directory)?;
        if let Some(&index) = set.lock().by_files.get(&files) {
            return Ok(index);
        }
        let tokenizer = TextTokenizer::load(directory)?;
        let mut set = set.lock();
        let next = set.tokenizers.len();
        let index = *set.by_fingerprint.entry(tokenizer.fingerprint()).or_insert(next);
        if index == next {
            set.tokenizers.push(tokenizer);
        }
        set.by_files.insert(files, index);
        Ok(index)
    }

    pub fn get(&self, index: usize) -> &TextTokenizer {
        &self.tokenizers[index]
    }
}

/// What all models of a profile are loaded with.
pub struct Loader {
    pub library: Library,
    pub hardware: Hardware,
    /// What computes ONNX files.
    pub provider: Provider,
    pub precision: Precision,
    /// Threads that a lone item may use.
    pub threads: usize,
    pub team: Arc<Team>,
    pub tokenizers: Mutex<TokenizerSet>,
}

impl Loader {
    /// Verifies all files, then loads models side by side; returns them in order, or the first error.
    pub fn load_all(&self, configs: &[ModelConfig]) -> Result<Vec<Arc<Model>>, LoadError> {
        // All first, and file by file: the work is spread more evenly than model by model.
        let locked: Vec<&LockedFile> = configs.iter().flat_map(|config| &config.locked).collect();
        for verified in self.side_by_side(&locked, |file| file.verify()) {
            verified?;
        }
        let identities = self.identities(configs)?;
        let configs: Vec<_> = configs.iter().zip(identities).collect();
        self.side_by_side(&configs, |(config, identity)| self.load(config, identity).map(Arc::new))
            .into_iter()
            .collect()
    }

    /// What each model's files are: those of a lock are known, others are read.
    fn identities(&self, configs: &[ModelConfig]) -> Result<Vec<Identity>, LoadError> {
        let unlocked = |config: &ModelConfig| match &config.locked[..] {
            [] => files_of(&config.path, config.weights()),
            _ => Vec::new(),
        };
        let files: Vec<PathBuf> = configs.iter().flat_map(unlocked).collect();
        let hashed = self.side_by_side(&files, |file| Ok((file.clone(), sha256(file)?)));
        let hashed: HashMap<PathBuf, String> = hashed.into_iter().collect::<Result<_, LoadError>>()?;
        Ok(configs.iter().map(|config| Identity::of(config, &hashed)).collect())
    }

    /// What `work` makes of every item, in order, on up to `threads` threads.
    fn side_by_side<T: Sync, R: Send>(&self, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
        let next = AtomicUsize::new(0);
        let worker = || {
            let mut done = Vec::new();
            while let Some((index, item)) = claim(&next, items) {
                done.push((index, work(item)));
            }
            done
        };
        let mut done: Vec<_> = thread::scope(|scope| {
            let workers: Vec<_> = (0..self.threads.min(items.len())).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        done.sort_by_key(|&(index, _)| index);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// Loads a model and answers the empty text with it, so that what cannot run fails now.
    fn load(&self, config: &ModelConfig, identity: &Identity) -> Result<Model, LoadError> {
        let mut model = match onnx_file(config.weights()) {
            Some(file) => self.load_onnx(config, &file),
            None => self.load_checkpoint(config),
        }?;
        let empty = model.empty_text(&self.tokenizers.lock()).unwrap_or_default();
        for threads in [1, self.threads] {
            let answer = model.runner.run(&Batch::Tokens(&[&empty]), &ThreadShare::new(threads));
            answer.and_then(|row| model.output(&row)).map_err(|error| {
                LoadError::invalid(&config.path, "a model that answers the empty text", error.to_string())
            })?;
        }
        model.info.digest = identity.digest(config, &model.info);
        Ok(model)
    }

    fn load_checkpoint(&self, config: &ModelConfig) -> Result<Model, LoadError> {
        let directory = &config.path;
        if !directory.is_dir() {
            return Err(LoadError::missing(directory, "a model's directory"));
        }
        let config_path = directory.join("config.json");
        let json = read_json(&config_path)?;
        let in_config = |source| LoadError::Config { path: config_path.clone(), source };
        let spec = ModelSpec::from_config(&json, config.pooling).map_err(in_config)?;
        let tokenizer = TokenizerSet::load(&self.tokenizers, directory)?;
        let (vocabulary, specials) = {
            let tokenizers = self.tokenizers.lock();
            let tokenizer = tokenizers.get(tokenizer);
            (tokenizer.vocabulary_size(), tokenizer.special_count())
        };
        if vocabulary > spec.vocab_size {
            return Err(LoadError::invalid(
                directory,
                format!("a tokenizer of at most {} tokens, the rows of the embedding table", spec.vocab_size),
                vocabulary.to_string(),
            ));
        }
        let weights = config.weights();
        store_as_safetensors(weights)?;
        let (runner, parameters) = match &self.hardware {
            Hardware::Cpu => encoder::load(weights, &spec, self.precision, &self.team),
            Hardware::Cuda(device) => cuda::load(weights, &spec, self.precision, device),
        }?;
        let head = match &spec.task {
            Task::Classification { labels, problem_type } => {
                classification(config, &config_path, labels, problem_type.as_deref(), runner.width())?
            }
            Task::Embedding(_) => Head::Embedding,
        };
        let stated = stated_max_tokens(directory)?;
        let readable = spec.max_tokens().min(stated.unwrap_or(usize::MAX));
        let info = ModelInfo {
            name: config.name.clone(),
            architecture: spec.architecture.to_string(),
            labels: label_names(&head),
            max_tokens: max_tokens(config, readable, spec.max_tokens())?,
            parameters,
            precision: self.precision,
            provider: self.hardware.name(),
            digest: String::new(),
        };
        let reader = Reader::Tokens { tokenizer, max_content: info.max_tokens.saturating_sub(specials) };
        Ok(Model { info, reader, head, runner })
    }

    fn load_onnx(&self, config: &ModelConfig, file: &Path) -> Result<Model, LoadError> {
        let directory = if config.path.is_dir() { config.path.as_path() } else { file.parent().unwrap_or(file) };
        let config_path = directory.join("config.json");
        let json = read_optional_json(&config_path)?.unwrap_or_default();
        let (tokenizer, probe, padding) = {
            let index = TokenizerSet::load(&self.tokenizers, directory)?;
            let tokenizers = self.tokenizers.lock();
            let tokenizer = tokenizers.get(index);
            (index, [tokenizer.prefix(), tokenizer.suffix()].concat(), tokenizer.padding_id())
        };
        let options = PaddedOptions {
            provider: self.provider,
            threads: self.threads,
            padding: json.get("pad_token_id").and_then(Value::as_u64).map_or(padding, |id| id as u32),
            pooling: config.pooling,
            // A graph may not like a text of no tokens at all.
            probe: if probe.is_empty() { &[0] } else { &probe },
        };
        let runner = PaddedModel::load(file, self.library, &options)?;
        let head = if config.pooling.is_some() {
            Head::Embedding
        } else {
            let labels = spec::labels(&json)
                .map_err(|source| LoadError::Config { path: config_path.clone(), source })?
                .unwrap_or_default();
            let problem_type = json.get("problem_type").and_then(Value::as_str);
            classification(config, &config_path, &labels, problem_type, runner.width())?
        };
        let stated = stated_max_tokens(directory)?.unwrap_or(DEFAULT_MAX_TOKENS);
        let readable = onnx_position_limit(&json).map_or(stated, |limit| limit.min(stated));
        let info = ModelInfo {
            name: config.name.clone(),
            architecture: "onnx".to_owned(),
            labels: label_names(&head),
            max_tokens: max_tokens(config, readable, onnx_position_limit(&json).unwrap_or(usize::MAX))?,
            parameters: 0,
            // A graph computes as its exporter wrote it.
            precision: Precision::Exact,
            provider: self.provider.name(),
            digest: String::new(),
        };
        let reader = Reader::Tokens { tokenizer, max_content: info.max_tokens.saturating_sub(probe.len()) };
        Ok(Model { info, reader, head, runner: Box::new(runner) })
    }
}

/// The next item that no worker has taken.
fn claim<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

/// The ONNX file that `path` is or holds, unless it also holds weights that Chorus builds a graph for.
pub fn onnx_file(path: &Path) -> Option<PathBuf> {
    if path.extension().is_some_and(|extension| extension == "onnx") {
        return Some(path.to_owned());
    }
    if has_weights(path) {
        return None;
    }
    ONNX_FILES.iter().map(|name| path.join(name)).find(|file| file.is_file())
}

/// A classifier's labels: the config's, renamed by the profile, or `LABEL_0`, `LABEL_1`, ….
fn classification(
    config: &ModelConfig,
    config_path: &Path,
    labels: &[String],
    problem_type: Option<&str>,
    classes: usize,
) -> Result<Head, LoadError> {
    let labels: Vec<String> =
        if labels.is_empty() { (0..classes).map(|id| format!("LABEL_{id}")).collect() } else { labels.to_vec() };
    if labels.len() != classes {
        return Err(LoadError::invalid(
            config_path,
            format!("`id2label` with {classes} labels, as many as the head has classes"),
            labels.len().to_string(),
        ));
    }
    if let Some(unknown) = config.label_names.keys().find(|name| !labels.contains(name)) {
        return Err(LoadError::Profile {
            model: config.name.clone(),
            field: "labels",
            path: config_path.to_owned(),
            expected: format!("the label {unknown:?}, which the profile renames"),
            found: labels.join(", "),
        });
    }
    let renamed = |label: &String| config.label_names.get(label).unwrap_or(label).clone();
    Ok(Head::Classification(ClassificationHead {
        labels: labels.iter().map(renamed).collect(),
        function: spec::score_function(problem_type, classes),
    }))
}

fn label_names(head: &Head) -> Vec<String> {
    match head {
        Head::Classification(head) => head.labels.clone(),
        Head::Embedding => Vec::new(),
    }
}

/// `model_max_length` of `tokenizer_config.json`, where it states a real one.
fn stated_max_tokens(directory: &Path) -> Result<Option<usize>, LoadError> {
    let config = read_optional_json(&directory.join("tokenizer_config.json"))?;
    let stated = config.as_ref().and_then(|config| config.get("model_max_length")).and_then(Value::as_u64);
    Ok(stated.filter(|&length| (1..LARGEST_STATED_MAX).contains(&length)).map(|length| length as usize))
}

/// The profile's wish, if the model can read that much.
fn max_tokens(config: &ModelConfig, readable: usize, limit: usize) -> Result<usize, LoadError> {
    match config.max_tokens {
        None => Ok(readable),
        Some(wanted) if (4..=limit).contains(&wanted) => Ok(wanted),
        Some(wanted) => Err(LoadError::Profile {
            model: config.name.clone(),
            field: "max_tokens",
            path: config.path.clone(),
            expected: format!("`max_tokens` from 4 to {limit}, what the position table holds"),
            found: wanted.to_string(),
        }),
    }
}

/// The positions of a graph whose config is of a known architecture.
fn onnx_position_limit(config: &Value) -> Option<usize> {
    let pooling = Some(spec::Pooling::Mean);
    ModelSpec::from_config(config, pooling).ok().map(|spec| spec.max_tokens())
}
