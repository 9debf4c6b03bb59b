//! Conversions between the bridge's types and the engine's.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use chorus_core::{
    planner::{Class, ModelId},
    requests::{self, Answer, InferError, InferRequest, LoadTime, TextRequest, Ticket},
    spec::{Pooling, Task},
};
use chorus_runtime::{
    checkpoint::{self, Format},
    dispatcher,
    engine::{self, Device},
    memory,
    model::{self, Head, Model, Precision, Source},
    tokenizer::{self, Effect},
};
use napi::{Error, Result, bindgen_prelude::Float32Array};

use crate::dto::{
    Description, EngineConfig, EngineStats, Failure, Footprint, Histogram, LockedFile, ModelConfig, ModelEvent,
    ModelFootprint, ModelInfo, ModelStats, Prompt, ReasonCount, Reply, Request, Setting, StoredFile,
};

impl TryFrom<EngineConfig> for engine::EngineConfig {
    type Error = Error;

    fn try_from(config: EngineConfig) -> Result<Self> {
        let devices = [("auto", Device::Auto), ("cpu", Device::Cpu), ("cuda", Device::Cuda)];
        let precisions = [Precision::Exact, Precision::Bf16, Precision::Fp16, Precision::Int8];
        let precisions = precisions.map(|precision| (precision.name(), precision));
        Ok(Self {
            models: config.models.into_iter().map(model::ModelConfig::try_from).collect::<Result<_>>()?,
            ort_library: config.ort_library.into(),
            device: named("device", &config.device, &devices)?,
            device_id: config.device_id as i32,
            precision: named("precision", &config.precision, &precisions)?,
            lanes: unless_zero(config.lanes),
            max_batch_tokens: unless_zero(config.max_batch_tokens),
            queue_capacity: config.queue_capacity as usize,
            max_wait: duration("maxWait", config.max_wait)?,
            model_memory: (config.model_memory > 0.0).then_some(config.model_memory as usize),
        })
    }
}

impl TryFrom<ModelConfig> for model::ModelConfig {
    type Error = Error;

    fn try_from(config: ModelConfig) -> Result<Self> {
        let formats = [("auto", Format::Auto), ("checkpoint", Format::Checkpoint), ("onnx", Format::Onnx)];
        let poolings = [("cls", Some(Pooling::FirstToken)), ("mean", Some(Pooling::Mean)), ("", None)];
        Ok(Self {
            name: config.name,
            path: config.path.into(),
            weights: Some(config.weights_path.into()),
            locked: config.locked.into_iter().map(checkpoint::LockedFile::from).collect(),
            max_tokens: unless_zero(config.max_tokens),
            format: named("format", &config.format, &formats)?,
            graph: (!config.graph.is_empty()).then_some(config.graph),
            pooling: named("pooling", &config.pooling, &poolings)?,
            label_names: config.label_names.into_iter().map(|name| (name.from, name.to)).collect(),
            load: named("load", &config.load, &[("eager", LoadTime::Eager), ("lazy", LoadTime::Lazy)])?,
        })
    }
}

impl From<model::Description> for Description {
    fn from(description: model::Description) -> Self {
        let name = |path: &PathBuf| path.to_string_lossy().into_owned();
        let (graph, data) = match &description.source {
            Source::Checkpoint(_) => Default::default(),
            Source::Graph(graph) => (name(&graph.path), graph.data.iter().map(name).collect()),
        };
        Self {
            architecture: description.architecture(),
            graph,
            data,
            task: match description.task {
                Task::Classification { .. } => "classification",
                Task::Embedding(_) => "embedding",
            }
            .to_owned(),
            max_tokens: description.max_tokens as u32,
            settings: description.settings().iter().map(Setting::from).collect(),
        }
    }
}

/// `models`: those that it is the footprint of.
pub fn footprint(footprint: &memory::Footprint, models: &[model::ModelConfig]) -> Footprint {
    let models = models.iter().zip(&footprint.models).map(|(config, model)| ModelFootprint {
        name: config.name.clone(),
        is_lazy: config.load == LoadTime::Lazy,
        weights: model.weights as f64,
        buffers: model.buffers as f64,
        mapped: model.mapped as f64,
    });
    Footprint {
        models: models.collect(),
        tokenizers: footprint.tokenizers as f64,
        loading_tokenizers: footprint.loading_tokenizers as f64,
        packing: footprint.packing as f64,
        lanes: footprint.lanes as u32,
        is_on_cpu: footprint.is_on_cpu,
        memory_limit: footprint.limits.memory.unwrap_or(0) as f64,
        cpu_quota: footprint.limits.cpus.unwrap_or(0.0),
    }
}

impl From<&tokenizer::Setting> for Setting {
    fn from(setting: &tokenizer::Setting) -> Self {
        let (applied, reason) = match setting.effect {
            Effect::Applied => (true, ""),
            Effect::None(reason) => (false, reason),
        };
        Self { file: setting.file.to_owned(), name: setting.name.clone(), applied, reason: reason.to_owned() }
    }
}

impl From<checkpoint::Stored> for StoredFile {
    fn from(file: checkpoint::Stored) -> Self {
        Self { from: file.from, to: file.to }
    }
}

/// The value that `name` is one of.
fn named<T: Copy>(field: &str, name: &str, values: &[(&str, T)]) -> Result<T> {
    let value = values.iter().find(|(known, _)| *known == name).map(|&(_, value)| value);
    value.ok_or_else(|| {
        let known: Vec<_> = values.iter().map(|(known, _)| format!("{known:?}")).collect();
        Error::from_reason(format!("{field}: expected one of {}, found {name:?}", known.join(", ")))
    })
}

impl From<LockedFile> for checkpoint::LockedFile {
    fn from(file: LockedFile) -> Self {
        Self { path: file.path.into(), bytes: file.bytes as u64, sha256: file.sha256 }
    }
}

fn unless_zero(number: u32) -> Option<usize> {
    (number > 0).then_some(number as usize)
}

/// The engine's form of a request; refuses what names models that are not loaded, or a text's models twice.
pub fn request(request: Request, loaded: usize, now: Instant) -> Result<InferRequest> {
    let models: Vec<ModelId> = request.models.into_iter().map(|index| ModelId(index as usize)).collect();
    if let Some(ModelId(index)) = models.iter().find(|model| model.0 >= loaded) {
        return Err(Error::from_reason(format!("models: expected indices below {loaded}, found {index}")));
    }
    let texts = request.texts.into_iter().map(Arc::<str>::from);
    let texts = if request.counts.is_empty() {
        let models = distinct(&models)?;
        texts.map(|text| TextRequest { text, models: Arc::clone(&models) }).collect()
    } else {
        let counts: Vec<usize> = request.counts.into_iter().map(|count| count as usize).collect();
        if counts.len() != texts.len() || counts.iter().sum::<usize>() != models.len() {
            let (texts, models) = (texts.len(), models.len());
            return Err(Error::from_reason(format!("counts: expected {texts} that sum to {models}, found {counts:?}")));
        }
        let mut rest = &models[..];
        let mut next = |(text, count)| {
            let (own, others) = rest.split_at(count);
            rest = others;
            Ok(TextRequest { text, models: distinct(own)? })
        };
        texts.zip(counts).map(&mut next).collect::<Result<_>>()?
    };
    let class = class(&request.priority)?;
    Ok(InferRequest { texts, deadline: deadline(request.deadline_ms, now)?, class })
}

/// The models of one text: at least one, each once.
fn distinct(models: &[ModelId]) -> Result<Arc<[ModelId]>> {
    let is_repeated = models.iter().enumerate().any(|(index, model)| models[..index].contains(model));
    if models.is_empty() || is_repeated {
        let indices: Vec<usize> = models.iter().map(|model| model.0).collect();
        return Err(Error::from_reason(format!(
            "models: expected at least one for each text, once, found {indices:?}"
        )));
    }
    Ok(models.into())
}

pub fn class(priority: &str) -> Result<Class> {
    named("priority", priority, &[("interactive", Class::Interactive), ("batch", Class::Batch)])
}

fn deadline(ms: f64, now: Instant) -> Result<Option<Instant>> {
    // One beyond the end of time is none.
    Ok(duration("deadlineMs", ms)?.and_then(|after| now.checked_add(after)))
}

/// 0: none.
pub fn duration(field: &str, ms: f64) -> Result<Option<Duration>> {
    if ms == 0.0 {
        return Ok(None);
    }
    let duration = Duration::try_from_secs_f64(ms / 1e3);
    duration.map(Some).map_err(|_| Error::from_reason(format!("{field}: expected 0 or more, found {ms}")))
}

impl From<&Model> for ModelInfo {
    fn from(model: &Model) -> Self {
        let info = &model.info;
        let (task, dimensions, normalized) = match model.head {
            Head::Classification(_) | Head::Decision(_) => ("classification", 0, false),
            Head::Embedding { normalize } => ("embedding", info.width, normalize),
        };
        let prompts = info.usage.prompts.iter().map(|(name, text)| Prompt { name: name.clone(), text: text.clone() });
        Self {
            name: info.name.clone(),
            architecture: info.architecture.clone(),
            task: task.to_owned(),
            labels: info.labels.clone(),
            scores: if model.head.gives_probabilities() { "probabilities" } else { "numbers" }.to_owned(),
            decides: matches!(model.head, Head::Decision(_)),
            max_tokens: info.max_tokens as u32,
            parameters: info.parameters as f64,
            precision: info.precision.name().to_owned(),
            provider: info.provider.to_owned(),
            digest: info.digest.clone(),
            space: info.space.clone(),
            width: info.width as u32,
            dimensions: dimensions as u32,
            normalized,
            similarity: info.usage.similarity.name().to_owned(),
            prompts: prompts.collect(),
            default_prompt: info.usage.default_prompt.clone(),
            bytes: info.bytes as f64,
            load: match info.load {
                LoadTime::Eager => "eager",
                LoadTime::Lazy => "lazy",
            }
            .to_owned(),
        }
    }
}

impl From<dispatcher::ModelEvent> for ModelEvent {
    fn from(event: dispatcher::ModelEvent) -> Self {
        let (model, what, seconds, error, retry_after_ms) = match event {
            dispatcher::ModelEvent::Evicted { model } => (model, "evicted", 0.0, String::new(), 0.0),
            dispatcher::ModelEvent::Failed { model, error, retry_after } => {
                (model, "failed", 0.0, error, milliseconds(retry_after))
            }
            dispatcher::ModelEvent::Loaded { model, elapsed } => {
                (model, "loaded", elapsed.as_secs_f64(), String::new(), 0.0)
            }
        };
        Self { model, what: what.to_owned(), seconds, error, retry_after_ms }
    }
}

impl From<requests::Reply> for Reply {
    fn from(reply: requests::Reply) -> Self {
        // A ticket is a number that came across this bridge.
        let Ticket(ticket) = reply.ticket;
        let (answer, failure) = match reply.answer {
            Ok(answer) => (answer, None),
            Err(error) => (Answer::default(), Some(Failure::from(error))),
        };
        let Answer { numbers, truncated, begun, timing } = answer;
        Self {
            ticket: ticket as u32,
            numbers: Float32Array::new(numbers),
            begun: begun as u32,
            truncated: truncated.into_iter().flat_map(|(text, model)| [text as u32, model.0 as u32]).collect(),
            tokenization_ms: milliseconds(timing.tokenization),
            queue_ms: milliseconds(timing.queue),
            inference_ms: milliseconds(timing.inference),
            failure,
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

impl From<InferError> for Failure {
    fn from(error: InferError) -> Self {
        let retry_after_ms = error.retry_after().map_or(0.0, milliseconds);
        Self { code: error.code().to_owned(), message: error.to_string(), retry_after_ms }
    }
}

impl From<requests::EngineStats> for EngineStats {
    fn from(stats: requests::EngineStats) -> Self {
        Self {
            models: stats.models.into_iter().map(ModelStats::from).collect(),
            lanes: stats.lanes as f64,
            panics: stats.panics as f64,
            broken: stats.broken,
            pending_texts: stats.pending_texts as f64,
            queue_capacity: stats.queue_capacity as f64,
            model_memory: stats.model_memory as f64,
            model_memory_limit: stats.model_memory_limit.map(|limit| limit as f64),
            expected_wait_seconds: stats.expected_wait.as_secs_f64(),
            wait_limit_seconds: stats.wait_limit.map(|limit| limit.as_secs_f64()),
            tokenization_seconds: stats.tokenization_seconds.into(),
            input_tokens: stats.input_tokens.into(),
            truncated_texts: stats.truncated_texts as f64,
            seconds_since_progress: stats.since_progress.as_secs_f64(),
        }
    }
}

impl From<requests::ModelStats> for ModelStats {
    fn from(stats: requests::ModelStats) -> Self {
        Self {
            name: stats.name,
            texts_done: stats.texts_done as f64,
            texts_failed: stats.texts_failed as f64,
            texts_cancelled: stats.texts_cancelled as f64,
            queued_texts: stats.queued_texts as f64,
            queued_tokens: stats.queued_tokens as f64,
            batch_tokens: stats.batch_tokens as f64,
            batch_padded_tokens: stats.batch_padded_tokens as f64,
            busy_seconds: stats.busy_seconds,
            batch_size: stats.batch_size.into(),
            queue_wait_seconds: stats.queue_wait_seconds.into(),
            inference_seconds: stats.inference_seconds.into(),
            batches_closed: reason_counts(stats.batches_closed),
            errors: reason_counts(stats.errors),
            loaded: stats.is_loaded,
            bytes: stats.bytes as f64,
            loads_done: stats.loads.done as f64,
            loads_failed: stats.loads.failed as f64,
            evictions: stats.evictions as f64,
            load_seconds: stats.load_seconds.into(),
        }
    }
}

fn reason_counts(counts: Vec<(&'static str, u64)>) -> Vec<ReasonCount> {
    counts.into_iter().map(|(reason, count)| ReasonCount { reason: reason.to_owned(), count: count as f64 }).collect()
}

impl From<requests::Histogram> for Histogram {
    fn from(histogram: requests::Histogram) -> Self {
        Self {
            upper_bounds: histogram.upper_bounds.to_vec(),
            counts: histogram.counts.into_iter().map(|count| count as f64).collect(),
            sum: histogram.sum,
        }
    }
}
