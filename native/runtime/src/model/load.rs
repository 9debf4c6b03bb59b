//! From a profile's entry to a loaded model.

use std::{
    any::Any,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use chorus_core::{
    head::ClassificationHead,
    requests::LoadTime,
    spec::{ModelSpec, Task, score_function},
};
use chorus_kernels::WeightMemory;
use parking_lot::Mutex;

use super::{
    Batch, Hardware, Head, Model, ModelConfig, ModelInfo, Precision, Reader, Runner, Slot, Teams, ThreadShare, cuda,
    description::{self, CONFIG, Description, Source},
    encoder,
    identity::{Identity, files_of},
    lazy::{Stamps, known_files, stamps},
    padded::{PaddedModel, PaddedOptions},
};
use crate::{
    allocator,
    checkpoint::{Graph, KnownFile, LockedFile, sha256, store_as_safetensors},
    error::LoadError,
    onnxruntime::{Library, Provider},
    tokenizer::{Folder, TokenizerSet},
};

/// The longest text that a graph is tried with when it is loaded; a longer one would take seconds.
const LONGEST_PROBE: usize = 1024;

/// What all models of a profile are loaded with.
pub struct Loader {
    pub library: Library,
    pub hardware: Hardware,
    /// What computes ONNX files.
    pub provider: Provider,
    pub precision: Precision,
    /// Threads that a lone item may use.
    pub threads: usize,
    /// Models of an engine that goes on meanwhile: of those that would be the same nothing is loaded again, and the
    /// others take one thread from it at a time.
    pub previous: Vec<Arc<Model>>,
    /// For checkpoints that are loaded now, and for those that are loaded while others are served.
    pub teams: Teams,
    pub later: Teams,
    /// Bytes that models may take; none: any.
    pub model_memory: Option<usize>,
    pub tokenizers: Mutex<TokenizerSet>,
}

impl Loader {
    /// Verifies all files, then loads models side by side; returns them in order, or the first error.
    pub fn load_all(&self, configs: &[ModelConfig], described: &[Description]) -> Result<Vec<Arc<Model>>, LoadError> {
        let models: Vec<_> = configs.iter().zip(described).collect();
        let stamps = stamps(&models);
        // File by file: the work is spread more evenly than model by model.
        let locked: Vec<&LockedFile> = configs.iter().flat_map(|config| &config.locked).collect();
        for verified in self.side_by_side(&locked, |file| file.verify()) {
            verified?;
        }
        for stored in self.side_by_side(&models, |(config, description)| match description.source {
            Source::Checkpoint(_) => store_as_safetensors(config.weights()).map(drop),
            Source::Graph(_) => Ok(()),
        }) {
            stored?;
        }
        self.require_room(&models)?;
        let identities = self.identities(&models)?;
        self.load_tokenizers(&models)?;
        let models: Vec<_> = models.into_iter().zip(identities).collect();
        let load = |((config, description), identity): &((&ModelConfig, &Description), Identity)| {
            self.load(config, description, identity, &stamps).map(Arc::new)
        };
        self.side_by_side(&models, load).into_iter().collect()
    }

    /// Loads every tokenizer before any weights: the library's form of a large vocabulary takes a third of a gigabyte for
    /// a moment, which is given back before it would be needed twice.
    fn load_tokenizers(&self, models: &[(&ModelConfig, &Description)]) -> Result<(), LoadError> {
        let folders = models.iter().filter_map(|(config, description)| Some((config, description.tokenizer.as_ref()?)));
        let (configs, folders): (Vec<_>, Vec<_>) = folders.unzip();
        let distinct = TokenizerSet::distinct(&folders)?;
        let load = |&index: &usize| {
            let load = || TokenizerSet::load(&self.tokenizers, folders[index]).map(drop);
            guarded(configs[index], load)
        };
        self.side_by_side(&distinct, load).into_iter().collect::<Result<(), _>>()?;
        allocator::release_free_memory();
        Ok(())
    }

    /// What each model's files are: those of a lock are known, others are read.
    fn identities(&self, models: &[(&ModelConfig, &Description)]) -> Result<Vec<Identity>, LoadError> {
        let unlocked = |(config, description): &(&ModelConfig, &Description)| match &config.locked[..] {
            [] => files_of(config, description),
            _ => Vec::new(),
        };
        let files: Vec<PathBuf> = models.iter().flat_map(unlocked).collect();
        let hashed = self.side_by_side(&files, |file| Ok((file.clone(), sha256(file)?)));
        let hashed: HashMap<PathBuf, String> = hashed.into_iter().collect::<Result<_, LoadError>>()?;
        Ok(models.iter().map(|(config, description)| Identity::of(config, description, &hashed)).collect())
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
            let threads = if self.previous.is_empty() { self.threads } else { 1 };
            let workers: Vec<_> = (0..threads.min(items.len())).map(|_| scope.spawn(worker)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        done.sort_by_key(|&(index, _)| index);
        done.into_iter().map(|(_, result)| result).collect()
    }

    /// Loads a model, or finds out all that is known of it without its weights. A panic is an error of the model's, too.
    fn load(
        &self,
        config: &ModelConfig,
        description: &Description,
        identity: &Identity,
        stamps: &Stamps,
    ) -> Result<Model, LoadError> {
        let load = || {
            let before = self.taken_over(config, description, identity);
            let mut model = match (&description.source, &description.tokenizer, before) {
                (_, Some(tokenizer), before) => {
                    let reading = self.reading(description, tokenizer)?;
                    let files = || known_files(config, description, identity, stamps);
                    self.reading_tokens(config, description, &reading, before, files)?
                }
                (_, None, Some(before)) => before.as_of(config, before.model.reader),
                (Source::Graph(graph), None, None) => self.text_model(config, description, graph)?,
                (Source::Checkpoint(_), None, None) => {
                    return Err(LoadError::missing(&description.folder, "a tokenizer"));
                }
            };
            model.info.digest = identity.digest(config, &model.info);
            model.info.space = identity.space(&model.info);
            Ok(model)
        };
        guarded(config, load)
    }

    /// A model that reads tokens: one that is there already, one that comes later, or loaded now. `files` are those of its
    /// weights.
    fn reading_tokens(
        &self,
        config: &ModelConfig,
        description: &Description,
        reading: &Reading,
        before: Option<TakenOver>,
        files: impl FnOnce() -> Vec<KnownFile>,
    ) -> Result<Model, LoadError> {
        match (&description.source, before) {
            (Source::Checkpoint(spec), before) if config.load == LoadTime::Lazy => {
                self.deferred(config, description, reading, spec, files(), before.map(|before| before.runner))
            }
            (_, Some(before)) => Ok(before.as_of(config, reading.reader(description, before.model.info.max_tokens)?)),
            (_, None) => self.loaded(config, description, reading),
        }
    }

    /// Loads a model and answers the shortest text with it, so that what cannot run fails now.
    fn loaded(&self, config: &ModelConfig, description: &Description, reading: &Reading) -> Result<Model, LoadError> {
        let Computing { runner, max_tokens, parameters, bytes, precision, provider } = match &description.source {
            Source::Checkpoint(spec) => self.checkpoint(config, description, spec),
            Source::Graph(graph) => self.graph(config, description, graph, reading),
        }?;
        let head = head(config, description, runner.width())?;
        let info = ModelInfo {
            name: config.name.clone(),
            architecture: description.architecture(),
            labels: label_names(&head),
            max_tokens,
            parameters,
            precision,
            provider,
            digest: String::new(),
            space: String::new(),
            width: runner.width(),
            bytes,
            load: LoadTime::Eager,
            usage: description.usage(),
        };
        let reader = reading.reader(description, max_tokens)?;
        answer_shortest(&*runner, &head, &config.path, &reading.probe, self.threads)?;
        Ok(Model { info, reader, head, slot: Slot::eager(runner) })
    }

    /// The model of the engine before that is what would be loaded, and is: of the same files, computed in the same way.
    fn taken_over(
        &self,
        config: &ModelConfig,
        description: &Description,
        identity: &Identity,
    ) -> Option<TakenOver<'_>> {
        let (precision, provider) = match description.source {
            Source::Checkpoint(_) => (self.precision, self.hardware.name()),
            Source::Graph(Graph { reads_text: true, .. }) => (Precision::Exact, Provider::Cpu.name()),
            Source::Graph(_) => (Precision::Exact, self.provider.name()),
        };
        let is_same = |info: &ModelInfo| {
            info.precision == precision
                && info.provider == provider
                && info.max_tokens == description.max_tokens
                && identity.digest(config, info) == info.digest
        };
        let mut same = self.previous.iter().filter(|model| is_same(&model.info));
        same.find_map(|model| Some(TakenOver { model, runner: model.slot.runner()? }))
    }

    fn checkpoint(
        &self,
        config: &ModelConfig,
        description: &Description,
        spec: &ModelSpec,
    ) -> Result<Computing, LoadError> {
        let weights = config.weights();
        let (runner, parameters, bytes) = match &self.hardware {
            Hardware::Cpu => {
                let encoder::Loaded { runner, needs } = encoder::load(weights, spec, self.precision, &self.teams)?;
                (runner, needs.parameters, WeightMemory::resident(needs.bytes))
            }
            Hardware::Cuda(device) => {
                let (runner, parameters) = cuda::load(weights, spec, self.precision, device)?;
                (runner, parameters, 0)
            }
        };
        Ok(Computing {
            runner,
            max_tokens: description.max_tokens,
            parameters,
            bytes,
            precision: self.precision,
            provider: self.hardware.name(),
        })
    }

    fn graph(
        &self,
        config: &ModelConfig,
        description: &Description,
        graph: &Graph,
        Reading { probe, padding, .. }: &Reading,
    ) -> Result<Computing, LoadError> {
        let options = PaddedOptions {
            provider: self.provider,
            threads: self.threads,
            padding: *padding,
            pooling: match description.task {
                Task::Embedding(pooling) => Some(pooling),
                Task::Classification { .. } => None,
            },
            probe,
        };
        let runner = PaddedModel::load(graph, self.library, &options)?;
        let max_tokens = match (runner.fixed_tokens(), config.max_tokens) {
            (Some(fixed), Some(wanted)) if wanted > fixed => {
                let expected = format!("`max_tokens` up to {fixed}, which the graph fixes");
                return Err(description::entry(config, "max_tokens", &graph.path, &expected, &wanted.to_string()));
            }
            (fixed, _) => description.max_tokens.min(fixed.unwrap_or(usize::MAX)),
        };
        // Positions that a graph does not have are found out now, not by the first long text.
        let longest = vec![probe[0]; max_tokens.min(LONGEST_PROBE)];
        runner.run(&Batch::Tokens(&[&longest]), &ThreadShare::new(self.threads)).map_err(|error| {
            let expected =
                format!("a graph that reads {} tokens; `max_tokens` in the profile says fewer", longest.len());
            LoadError::invalid(&graph.path, expected, error.to_string())
        })?;
        Ok(Computing {
            runner: Arc::new(runner),
            max_tokens,
            parameters: 0,
            bytes: if matches!(self.hardware, Hardware::Cpu) { graph.bytes() } else { 0 },
            // A graph computes as its exporter wrote it.
            precision: Precision::Exact,
            provider: self.provider.name(),
        })
    }

    /// How the model reads texts.
    fn reading(&self, description: &Description, tokenizer: &Folder) -> Result<Reading, LoadError> {
        let index = TokenizerSet::load(&self.tokenizers, tokenizer)?;
        let tokenizers = self.tokenizers.lock();
        let tokenizer = tokenizers.get(index);
        let specials = [tokenizer.prefix(), tokenizer.suffix()].concat();
        let rows = description.vocab_size.unwrap_or(usize::MAX);
        // Added tokens beyond the table are refused when they occur; the vocabulary and what surrounds every text must
        // be there.
        let end = specials.iter().map(|&id| id as usize + 1).max().unwrap_or(0).max(tokenizer.vocabulary_end());
        if end > rows {
            return Err(LoadError::invalid(
                &description.folder,
                format!("a tokenizer of at most {rows} tokens, the rows of the embedding table"),
                end.to_string(),
            ));
        }
        Ok(Reading {
            tokenizer: index,
            specials: specials.len(),
            rows: (tokenizer.end() > rows).then_some(rows),
            // A text may have no tokens at all where nothing surrounds it; such a one is not read.
            probe: if specials.is_empty() { vec![0] } else { specials },
            padding: description.padding.unwrap_or(tokenizer.padding_id()),
        })
    }
}

/// A model of the engine before, and what computes it.
struct TakenOver<'a> {
    model: &'a Model,
    runner: Arc<dyn Runner>,
}

impl TakenOver<'_> {
    /// The same for another entry of a profile.
    fn as_of(&self, config: &ModelConfig, reader: Reader) -> Model {
        let Model { info, head, .. } = self.model;
        let info = ModelInfo { name: config.name.clone(), load: LoadTime::Eager, ..info.clone() };
        Model { info, reader, head: head.clone(), slot: Slot::eager(Arc::clone(&self.runner)) }
    }
}

/// What computes a model, and what is known of it.
struct Computing {
    runner: Arc<dyn Runner>,
    max_tokens: usize,
    parameters: usize,
    /// See [`ModelInfo::bytes`].
    bytes: usize,
    precision: Precision,
    provider: &'static str,
}

/// How a model reads texts, as its tokenizer has it.
pub struct Reading {
    /// In the engine's set.
    tokenizer: usize,
    /// Special tokens around every text.
    specials: usize,
    /// Of the table of token vectors, where the tokenizer has ids beyond it.
    rows: Option<usize>,
    /// The shortest sequence that the model can be given.
    pub probe: Vec<u32>,
    padding: u32,
}

impl Reading {
    pub fn reader(&self, description: &Description, max_tokens: usize) -> Result<Reader, LoadError> {
        let &Self { tokenizer, specials, rows, .. } = self;
        let max_content = max_tokens.checked_sub(specials).filter(|&content| content > 0);
        let max_content = max_content.ok_or_else(|| {
            let expected = format!("a length of more than the {specials} special tokens around every text");
            LoadError::invalid(&description.folder, expected, max_tokens.to_string())
        })?;
        Ok(Reader::Tokens { tokenizer, max_content, rows })
    }
}

/// Finds out that `runner` answers a text: the shortest, on one thread and on as many as there are.
pub fn answer_shortest(
    runner: &dyn Runner,
    head: &Head,
    path: &Path,
    probe: &[u32],
    threads: usize,
) -> Result<(), LoadError> {
    for threads in [1, threads] {
        let answer = runner.run(&Batch::Tokens(&[probe]), &ThreadShare::new(threads));
        answer
            .and_then(|row| head.output(&row))
            .map_err(|error| LoadError::invalid(path, "a model that answers the shortest text", error.to_string()))?;
    }
    Ok(())
}

/// What `load` returns; its panic is an error of the model's.
fn guarded<T>(config: &ModelConfig, load: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|panic| {
        Err(LoadError::Panic { model: config.name.clone(), path: config.path.clone(), message: message_of(&*panic) })
    })
}

/// The next item that no worker has taken.
fn claim<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    items.get(index).map(|item| (index, item))
}

/// What a panic says.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

/// A classifier's labels: the config's, renamed by the profile, or `LABEL_0`, `LABEL_1`, …; or a vector.
pub fn head(config: &ModelConfig, description: &Description, classes: usize) -> Result<Head, LoadError> {
    let Task::Classification { labels, problem_type } = &description.task else {
        return Ok(Head::Embedding { normalize: description.normalizes() });
    };
    let config_path = description.folder.join(CONFIG);
    let labels: Vec<String> =
        if labels.is_empty() { (0..classes).map(|id| format!("LABEL_{id}")).collect() } else { labels.clone() };
    if labels.len() != classes {
        return Err(LoadError::invalid(
            &config_path,
            format!("`id2label` with {classes} labels, as many as the head has classes"),
            labels.len().to_string(),
        ));
    }
    Ok(Head::Classification(ClassificationHead {
        labels: renamed(config, &config_path, &labels)?,
        function: score_function(*problem_type, classes),
    }))
}

/// `labels`, which the file `path` has, under the names that the profile gives them.
pub fn renamed(config: &ModelConfig, path: &Path, labels: &[String]) -> Result<Vec<String>, LoadError> {
    if let Some(unknown) = config.label_names.keys().find(|name| !labels.contains(name)) {
        let expected = format!("the label {unknown:?}, which the profile renames");
        return Err(description::entry(config, "labels", path, &expected, &labels.join(", ")));
    }
    Ok(labels.iter().map(|label| config.label_names.get(label).unwrap_or(label).clone()).collect())
}

pub fn label_names(head: &Head) -> Vec<String> {
    match head {
        Head::Classification(head) => head.labels.clone(),
        Head::Decision(head) => head.labels.clone(),
        Head::Embedding { .. } => Vec::new(),
    }
}
