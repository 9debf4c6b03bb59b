//! Conversions between the bridge's types and the engine's.

use chorus_core::{planner::ModelId, spec::Pooling};
use chorus_runtime::{
    checkpoint,
    dispatcher::{self, InferRequest, Ticket, Timing},
    engine::{self, Device},
    model::{self, Head, Model, Output, Precision},
    stats,
};
use napi::{Error, Result};

use crate::{
    dto::{
        EngineConfig, EngineStats, Histogram, LockedFile, ModelConfig, ModelInfo, ModelStats, ReasonCount, Reply,
        TextAnswer,
    },
    outcome::Failure,
};

impl From<EngineConfig> for engine::EngineConfig {
    fn from(config: EngineConfig) -> Self {
        Self {
            models: config.models.into_iter().map(model::ModelConfig::from).collect(),
            ort_library: config.ort_library.into(),
            device: match config.device.as_str() {
                "cpu" => Device::Cpu,
                "cuda" => Device::Cuda,
                _ => Device::Auto,
            },
            device_id: config.device_id as i32,
            precision: match config.precision.as_str() {
                "bf16" => Precision::Bf16,
                "fp16" => Precision::Fp16,
                "int8" => Precision::Int8,
                _ => Precision::Exact,
            },
            lanes: unless_zero(config.lanes),
            max_batch_tokens: unless_zero(config.max_batch_tokens),
            queue_capacity: config.queue_capacity.max(1) as usize,
        }
    }
}

impl From<ModelConfig> for model::ModelConfig {
    fn from(config: ModelConfig) -> Self {
        Self {
            name: config.name,
            path: config.path.into(),
            weights: Some(config.weights_path.into()),
            locked: config.locked.into_iter().map(checkpoint::LockedFile::from).collect(),
            max_tokens: unless_zero(config.max_tokens),
            pooling: match config.pooling.as_str() {
                "cls" => Some(Pooling::FirstToken),
                "mean" => Some(Pooling::Mean),
                _ => None,
            },
            label_names: config.label_names.into_iter().map(|name| (name.from, name.to)).collect(),
        }
    }
}

impl From<LockedFile> for checkpoint::LockedFile {
    fn from(file: LockedFile) -> Self {
        Self { path: file.path.into(), bytes: file.bytes as u64, sha256: file.sha256 }
    }
}

fn unless_zero(number: u32) -> Option<usize> {
    (number > 0).then_some(number as usize)
}

/// The engine's form of a request; refuses models that are not loaded.
pub fn request(texts: Vec<String>, models: Vec<u32>, top: u32, loaded: usize) -> Result<InferRequest> {
    let models: Vec<ModelId> = models.into_iter().map(|index| ModelId(index as usize)).collect();
    if models.is_empty() || models.iter().any(|id| id.0 >= loaded) {
        return Err(Error::from_reason(format!("models must be indices below {loaded}, at least one")));
    }
    Ok(InferRequest { texts, models, top: unless_zero(top).unwrap_or(usize::MAX) })
}

impl From<&Model> for ModelInfo {
    fn from(model: &Model) -> Self {
        let info = &model.info;
        let task = match model.head {
            Head::Classification(_) => "classification",
            Head::Embedding => "embedding",
        };
        Self {
            name: info.name.clone(),
            architecture: info.architecture.clone(),
            task: task.to_owned(),
            labels: info.labels.clone(),
            max_tokens: info.max_tokens as u32,
            parameters: info.parameters as f64,
            precision: info.precision.name().to_owned(),
            provider: info.provider.to_owned(),
        }
    }
}

impl From<dispatcher::Reply> for Reply {
    fn from(reply: dispatcher::Reply) -> Self {
        // A ticket is a number that came across this bridge.
        let Ticket(ticket) = reply.ticket;
        let ticket = ticket as u32;
        match reply.answer {
            Ok(answer) => {
                let Timing { tokenization, queue, inference } = answer.timing;
                let timing = [tokenization, queue, inference].map(|part| part.as_secs_f64() * 1e3).to_vec();
                let answers = answer.texts.into_iter().map(TextAnswer::from).collect();
                Self { ticket, answers, timing, failure: None }
            }
            Err(error) => Self { ticket, answers: Vec::new(), timing: Vec::new(), failure: Some(Failure::from(error)) },
        }
    }
}

impl From<dispatcher::TextAnswer> for TextAnswer {
    fn from(answer: dispatcher::TextAnswer) -> Self {
        Self {
            outputs: answer.outputs.into_iter().map(numbers).collect(),
            truncated_by: answer.truncated_by.into_iter().map(|id| id.0 as u32).collect(),
        }
    }
}

/// A model's output as [`TextAnswer::outputs`] describes it.
fn numbers(output: Output) -> Vec<f64> {
    match output {
        Output::Classification(scores) => {
            scores.into_iter().flat_map(|best| [best.class as f64, f64::from(best.score)]).collect()
        }
        Output::Embedding(vector) => vector.into_iter().map(f64::from).collect(),
    }
}

impl From<stats::EngineStats> for EngineStats {
    fn from(stats: stats::EngineStats) -> Self {
        Self {
            models: stats.models.into_iter().map(ModelStats::from).collect(),
            lanes: stats.lanes as f64,
            lane_restarts: stats.lane_restarts as f64,
            panics: stats.panics as f64,
            pending_texts: stats.pending_texts as f64,
            queue_capacity: stats.queue_capacity as f64,
            tokenization_seconds: stats.tokenization_seconds.into(),
            input_tokens: stats.input_tokens.into(),
            truncated_texts: stats.truncated_texts as f64,
            seconds_since_progress: stats.since_progress.as_secs_f64(),
        }
    }
}

impl From<stats::ModelStats> for ModelStats {
    fn from(stats: stats::ModelStats) -> Self {
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
        }
    }
}

fn reason_counts(counts: Vec<(&'static str, u64)>) -> Vec<ReasonCount> {
    counts.into_iter().map(|(reason, count)| ReasonCount { reason: reason.to_owned(), count: count as f64 }).collect()
}

impl From<stats::Histogram> for Histogram {
    fn from(histogram: stats::Histogram) -> Self {
        Self {
            upper_bounds: histogram.upper_bounds.to_vec(),
            counts: histogram.counts.into_iter().map(|count| count as f64).collect(),
            sum: histogram.sum,
        }
    }
}
