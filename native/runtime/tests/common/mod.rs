//! The whole runtime for tests: small checkpoints, an engine over them, and answers.

#![allow(dead_code, clippy::unwrap_used, reason = "each test file takes what it needs, and a failure is a panic")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
};

use chorus_core::{
    planner::{Class, ModelId},
    requests::{Answer, InferError, InferRequest, Reply, TextRequest, Ticket},
    spec::Pooling,
};
use chorus_runtime::{
    dispatcher::ReplySink,
    engine::{self, Device, Engine, EngineConfig},
    error::LoadError,
    model::{ModelConfig, Precision},
};
use serde_json::Value;

pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// ONNX Runtime's library: `CHORUS_ORT_LIBRARY`, or that of the npm package.
pub fn ort_library() -> PathBuf {
    let platform = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let file = if cfg!(target_os = "macos") { "libonnxruntime.1.dylib" } else { "libonnxruntime.so.1" };
    let bundled = project().join("node_modules/onnxruntime-node/bin/napi-v6").join(platform).join(arch).join(file);
    std::env::var_os("CHORUS_ORT_LIBRARY").map_or(bundled, PathBuf::from)
}

pub fn fixture(name: &str) -> PathBuf {
    project().join("native/fixtures").join(name)
}

pub fn model(name: &str, path: PathBuf) -> ModelConfig {
    let pooling = (name == "bert-mean").then_some(Pooling::Mean);
    ModelConfig { pooling, ..ModelConfig::new(name, path) }
}

pub fn config(models: Vec<ModelConfig>) -> EngineConfig {
    EngineConfig {
        models,
        ort_library: ort_library(),
        device: Device::Cpu,
        device_id: 0,
        precision: Precision::Exact,
        lanes: Some(2),
        max_batch_tokens: Some(200),
        queue_capacity: 10_000,
        max_wait: None,
        model_memory: None,
    }
}

pub struct Loaded {
    pub engine: Engine,
    replies: Receiver<Vec<Reply>>,
}

pub fn start(config: &EngineConfig) -> Result<Loaded, LoadError> {
    let (sender, replies) = mpsc::channel();
    let engine = engine::start(config, Box::new(move |batch| sender.send(batch).unwrap()))?;
    Ok(Loaded { engine, replies })
}

/// What a model gives for a text, by label or by place in the vector, in an order that does not depend on
/// the scores.
pub type Numbers = Vec<(String, f32)>;

impl Loaded {
    /// Another engine, which takes over what is the same.
    pub fn beside(&self, config: &EngineConfig) -> Self {
        let (sender, replies) = mpsc::channel();
        let sink: ReplySink = Box::new(move |batch| sender.send(batch).unwrap());
        let engine = engine::start_beside(config, self.engine.dispatcher.models(), sink.into()).unwrap();
        Self { engine, replies }
    }

    /// One answer to all texts, or why there is none.
    pub fn try_infer(&self, texts: &[String], model: usize) -> Result<Answer, InferError> {
        let models: Arc<[ModelId]> = [ModelId(model)].into();
        let texts = texts.iter().map(|text| TextRequest { text: text.as_str().into(), models: Arc::clone(&models) });
        let request = InferRequest { texts: texts.collect(), deadline: None, class: Class::Interactive };
        self.engine.dispatcher.submit(Ticket(0), request).unwrap();
        let [reply] = self.replies.recv().unwrap().try_into().expect("one request is open");
        reply.answer
    }

    pub fn infer(&self, texts: &[String], index: usize) -> Vec<Numbers> {
        let answer = self.try_infer(texts, index).unwrap();
        let model = &self.engine.dispatcher.models()[index];
        answer.numbers.chunks_exact(model.info.width).map(|row| numbers(&model.info.labels, row)).collect()
    }
}

/// `labels` is empty for a model that gives vectors.
pub fn numbers(labels: &[String], row: &[f32]) -> Numbers {
    let name = |index: usize| labels.get(index).cloned().unwrap_or_else(|| format!("{index:04}"));
    let mut numbers: Numbers = row.iter().enumerate().map(|(index, &number)| (name(index), number)).collect();
    numbers.sort_by(|a, b| a.0.cmp(&b.0));
    numbers
}

/// Changes a JSON file of a folder.
pub fn edit(folder: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let path = folder.join(file);
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// A copy of a fixture that may be changed.
pub fn copy_of(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&fixture(name), folder.path());
    folder
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
