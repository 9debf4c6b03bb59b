//! What a model's folder says it is, found out before anything large is read.

use std::path::{Path, PathBuf};

use chorus_core::spec::{self, Architecture, ModelSpec, Pooling, SpecError, Task};
use serde_json::Value;

use super::ModelConfig;
use crate::{
    checkpoint::{Form, Format, Formless, Graph, Modules, Usage, form_of, graph_named, names_in, read_object},
    error::LoadError,
    tokenizer::{self, Setting},
};

pub const CONFIG: &str = "config.json";
/// What a graph reads if neither the profile nor its files say so: BERT's length.
const DEFAULT_MAX_TOKENS: usize = 512;
/// Two special tokens and the least of a text.
const LEAST_MAX_TOKENS: usize = 4;

/// What computes a model.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Weights, by Chorus's own operators.
    Checkpoint(Box<ModelSpec>),
    /// An ONNX graph, by ONNX Runtime.
    Graph(Graph),
}

/// A model, as its small files describe it.
pub struct Description {
    /// Where its configuration and its tokenizer are.
    pub folder: PathBuf,
    pub source: Source,
    pub task: Task,
    /// Of a folder of sentence-transformers.
    pub modules: Option<Modules>,
    /// The longest input in tokens, special tokens included; 0 for what reads texts of any length.
    pub max_tokens: usize,
    /// Rows of the table of token vectors, where it is known.
    pub vocab_size: Option<usize>,
    /// The id that pads, where the configuration says so.
    pub padding: Option<u32>,
    /// None for a graph that reads texts itself.
    pub tokenizer: Option<tokenizer::Folder>,
}

impl Description {
    /// Describes the model of `config` by the files that are there, which must be all.
    pub fn read(config: &ModelConfig) -> Result<Self, LoadError> {
        let description = Self::of(config, &names_in(config.weights()))?;
        if let Source::Graph(graph) = &description.source {
            graph.require_data()?;
        }
        Ok(description)
    }

    /// Describes the model of `config`; `names` are those of the files beside its weights, which need not be there yet.
    ///
    /// A folder of sentence-transformers makes an encoder without a word of the profile. Where both say something, a
    /// `pooling` must be the folder's own, for vectors pooled in another way are another model's; a `max_tokens` wins over
    /// the folder's length, as `max_seq_length` may be set in the library, within what the positions hold.
    ///
    /// # Errors
    /// Whatever the files say that is not served, and what an entry of a profile asks for that cannot be.
    pub fn of(config: &ModelConfig, names: &[String]) -> Result<Self, LoadError> {
        let graph = config.path.extension().is_some_and(|extension| extension == "onnx").then_some(&config.path);
        let folder = graph.map_or_else(|| config.path.clone(), |graph| folder_of(graph));
        if !folder.is_dir() {
            return Err(LoadError::missing(&folder, "a model's directory"));
        }
        let config_path = folder.join(CONFIG);
        let json = Value::Object(read_object(&config_path)?);
        let in_config = |source| LoadError::Config { path: config_path.clone(), source };
        let modules = Modules::read(&folder)?;
        let pooling = pooling(config, modules.as_ref(), &folder)?;
        let form = match (graph, &config.graph) {
            (Some(graph), _) => Ok(Form::Graph(graph.to_string_lossy().into_owned())),
            (None, Some(graph)) => graph_named(names, graph),
            (None, None) => form_of(names, config.format, Architecture::of(&json).is_ok()),
        };
        let form = form.map_err(|formless| formless_in(config, formless))?;
        let (source, task, limit) = match form {
            Form::Checkpoint => {
                if !config_path.is_file() {
                    return Err(LoadError::missing(&folder, CONFIG));
                }
                let spec = ModelSpec::from_config(&json, pooling).map_err(|error| match error {
                    SpecError::PoolingRequired { .. } => {
                        entry(config, "pooling", &config_path, "`pooling: mean` or `pooling: cls`", &error.to_string())
                    }
                    other => in_config(other),
                })?;
                let (task, limit) = (spec.task.clone(), spec.max_tokens());
                (Source::Checkpoint(Box::new(spec)), task, Some(limit))
            }
            Form::Graph(name) => {
                let graph = Graph::read(config.weights().join(name))?;
                if graph.reads_text {
                    return Self::of_text(config, folder, graph);
                }
                graph.require_inputs()?;
                let task = match pooling {
                    Some(pooling) => Task::Embedding(pooling),
                    None => spec::classification(&json).map_err(in_config)?,
                };
                let limit = spec::position_limit(&json).map_err(in_config)?;
                (Source::Graph(graph), task, limit)
            }
        };
        let tokenizer = tokenizer::Folder::open(&folder)?;
        let stated = match modules.as_ref().and_then(|modules| modules.max_tokens) {
            Some(length) => Some(length),
            None => tokenizer.max_tokens()?,
        };
        let readable = stated.or(limit).unwrap_or(DEFAULT_MAX_TOKENS);
        if matches!(task, Task::Embedding(_)) && !config.label_names.is_empty() {
            return Err(entry(config, "labels", &config_path, "no `labels` for a model that gives vectors", "some"));
        }
        Ok(Self {
            max_tokens: max_tokens(config, limit.map_or(readable, |limit| readable.min(limit)), limit)?,
            vocab_size: spec::vocab_size(&json).map_err(in_config)?,
            padding: json.get("pad_token_id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok()),
            modules,
            folder,
            source,
            task,
            tokenizer: Some(tokenizer),
        })
    }

    /// Of a graph that reads texts itself: everything else is in it.
    fn of_text(config: &ModelConfig, folder: PathBuf, graph: Graph) -> Result<Self, LoadError> {
        let wanted = [
            ("max_tokens", config.max_tokens.map(|tokens| tokens.to_string())),
            ("pooling", config.pooling.map(|pooling| pooling.name().to_owned())),
        ];
        for (field, wanted) in wanted {
            if let Some(wanted) = wanted {
                let expected = format!("no `{field}` for a graph that reads texts itself");
                return Err(entry(config, field, &graph.path, &expected, &wanted));
            }
        }
        if let Some(data) = graph.data.first() {
            let expected = "a graph that reads texts with all of its numbers in it";
            return Err(LoadError::invalid(&graph.path, expected, data.display().to_string()));
        }
        Ok(Self {
            folder,
            source: Source::Graph(graph),
            task: Task::Classification { labels: Vec::new(), problem_type: None },
            modules: None,
            max_tokens: 0,
            vocab_size: None,
            padding: None,
            tokenizer: None,
        })
    }

    /// Whether vectors are made to have the length 1.
    pub fn normalizes(&self) -> bool {
        self.modules.as_ref().is_some_and(|modules| modules.normalize)
    }

    /// What its vectors are for; of a classifier, and of an encoder whose folder says nothing, the usual.
    pub fn usage(&self) -> Usage {
        self.modules.as_ref().map(|modules| modules.usage.clone()).unwrap_or_default()
    }

    /// `model_type` of a checkpoint's configuration, or `onnx`.
    pub fn architecture(&self) -> String {
        match &self.source {
            Source::Checkpoint(spec) => spec.architecture.to_string(),
            Source::Graph(_) => "onnx".to_owned(),
        }
    }

    /// What was read of the tokenizer, and what became of it.
    pub fn settings(&self) -> &[Setting] {
        self.tokenizer.as_ref().map_or(&[], tokenizer::Folder::settings)
    }
}

/// An entry of the profile that asks for what cannot be.
pub fn entry(config: &ModelConfig, field: &'static str, path: &Path, expected: &str, found: &str) -> LoadError {
    LoadError::Profile {
        model: config.name.clone(),
        field,
        path: path.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    }
}

/// Where a graph's configuration and tokenizer are: beside it, or where exporters leave them, one folder up.
fn folder_of(graph: &Path) -> PathBuf {
    let own = graph.parent().unwrap_or(Path::new("."));
    match own.parent() {
        Some(above) if !own.join(CONFIG).is_file() && above.join(CONFIG).is_file() => above.to_owned(),
        _ => own.to_owned(),
    }
}

/// The profile's wish, or what the folder's modules do; both where they are the same.
fn pooling(config: &ModelConfig, modules: Option<&Modules>, folder: &Path) -> Result<Option<Pooling>, LoadError> {
    match (config.pooling, modules) {
        (Some(wanted), Some(modules)) if wanted != modules.pooling => {
            let expected = format!("the folder's own `pooling: {}`, or none", modules.pooling.name());
            Err(entry(config, "pooling", folder, &expected, wanted.name()))
        }
        (wanted, modules) => Ok(wanted.or(modules.map(|modules| modules.pooling))),
    }
}

fn formless_in(config: &ModelConfig, Formless { expected, found }: Formless) -> LoadError {
    if config.graph.is_some() {
        return entry(config, "graph", config.weights(), &expected, &found.unwrap_or("no graph".to_owned()));
    }
    match (config.format, found) {
        (Format::Auto, None) => LoadError::missing(config.weights(), expected),
        (Format::Auto, Some(found)) => LoadError::invalid(config.weights(), expected, found),
        (_, found) => entry(config, "format", config.weights(), &expected, &found.unwrap_or("none".to_owned())),
    }
}

/// The profile's wish, if the model can read that much.
fn max_tokens(config: &ModelConfig, readable: usize, limit: Option<usize>) -> Result<usize, LoadError> {
    let limit = limit.unwrap_or(usize::MAX);
    match config.max_tokens {
        None => Ok(readable),
        Some(wanted) if (LEAST_MAX_TOKENS..=limit).contains(&wanted) => Ok(wanted),
        Some(wanted) => {
            let expected = format!("`max_tokens` from {LEAST_MAX_TOKENS} to {limit}, what the position table holds");
            Err(entry(config, "max_tokens", &config.path, &expected, &wanted.to_string()))
        }
    }
}
