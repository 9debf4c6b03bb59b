//! A checkpoint that is loaded when it is asked for.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use chorus_core::{requests::LoadTime, spec::ModelSpec};
use chorus_kernels::WeightMemory;

use super::{
    Head, Model, ModelConfig, ModelInfo, Precision, Runner, Slot,
    description::Description,
    encoder::{self, Teams},
    identity::{Identity, files_of},
    load::{Loader, Reading, answer_shortest, head, label_names},
};
use crate::{
    allocator,
    checkpoint::{KnownFile, Stamp},
    error::LoadError,
};

/// All that was found out of it at start, and what its weights must still hold when they are read.
pub struct LazyCheckpoint {
    /// Of the model, for messages, and of its weights.
    pub path: PathBuf,
    pub weights: PathBuf,
    pub files: Vec<KnownFile>,
    pub spec: ModelSpec,
    pub precision: Precision,
    pub teams: Teams,
    /// The shortest sequence that it can be given, and on how many threads a lone text may run.
    pub probe: Vec<u32>,
    pub threads: usize,
    pub head: Head,
}

impl LazyCheckpoint {
    /// Packs the weights and answers the shortest text with them.
    ///
    /// # Errors
    /// The files are not what they were at start, or the model does not answer.
    pub fn load(&self) -> Result<Arc<dyn Runner>, LoadError> {
        self.files.iter().try_for_each(KnownFile::verify)?;
        let encoder::Loaded { runner, .. } = encoder::load(&self.weights, &self.spec, self.precision, &self.teams)?;
        // Widened and joined copies of tensors that were packed.
        allocator::release_free_memory();
        answer_shortest(&*runner, &self.head, &self.path, &self.probe, self.threads)?;
        Ok(runner)
    }
}

impl Loader {
    /// A model whose weights come when they are asked for, or are here as `before`.
    pub(super) fn deferred(
        &self,
        config: &ModelConfig,
        description: &Description,
        reading: &Reading,
        spec: &ModelSpec,
        files: Vec<KnownFile>,
        before: Option<Arc<dyn Runner>>,
    ) -> Result<Model, LoadError> {
        let needs = encoder::needs(config.weights(), spec, self.precision)?;
        let head = head(config, description, needs.width)?;
        let info = ModelInfo {
            name: config.name.clone(),
            architecture: description.architecture(),
            labels: label_names(&head),
            max_tokens: description.max_tokens,
            parameters: needs.parameters,
            precision: self.precision,
            provider: self.hardware.name(),
            digest: String::new(),
            space: String::new(),
            width: needs.width,
            bytes: WeightMemory::resident(needs.bytes),
            load: LoadTime::Lazy,
            usage: description.usage(),
        };
        let lazy = LazyCheckpoint {
            path: config.path.clone(),
            weights: config.weights().to_owned(),
            files,
            spec: spec.clone(),
            precision: self.precision,
            teams: self.later.clone(),
            probe: reading.probe.clone(),
            threads: self.threads,
            head: head.clone(),
        };
        let reader = reading.reader(description, description.max_tokens)?;
        Ok(Model { info, reader, head, slot: Slot::lazy(before, Box::new(move || lazy.load())) })
    }
}

/// By file.
pub type Stamps = HashMap<PathBuf, Stamp>;

/// Of the files of models that are loaded later, before any of them is read.
pub fn stamps(models: &[(&ModelConfig, &Description)]) -> Stamps {
    let lazy = models.iter().filter(|(config, _)| config.load == LoadTime::Lazy);
    let files = lazy.flat_map(|(config, description)| files_of(config, description));
    files.filter_map(|path| Some((path.clone(), Stamp::of(&path).ok()?))).collect()
}

/// Those that hold the model's weights, as far as they were read.
pub fn known_files(
    config: &ModelConfig,
    description: &Description,
    identity: &Identity,
    stamps: &Stamps,
) -> Vec<KnownFile> {
    let is_weights = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.starts_with(config.weights())
            && (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json"))
    };
    let files = files_of(config, description).into_iter().filter(|path| is_weights(path));
    let known = |path: PathBuf| {
        let sha256 = identity.sha256(config, description, &path)?;
        Some(KnownFile::new(&path, sha256, stamps.get(&path).copied()))
    };
    files.filter_map(known).collect()
}
