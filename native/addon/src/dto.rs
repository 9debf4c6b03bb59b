//! What crosses the bridge, field by field. Nothing is optional towards Rust: defaults are filled in
//! `src/config`.

use napi_derive::napi;

use crate::outcome::Failure;

#[napi(object)]
pub struct EngineConfig {
    pub models: Vec<ModelConfig>,
    pub ort_library: String,
    #[napi(ts_type = "'auto' | 'cpu' | 'cuda'")]
    pub device: String,
    /// Which GPU, as CUDA counts those that it may see.
    pub device_id: u32,
    #[napi(ts_type = "'exact' | 'bf16' | 'fp16' | 'int8'")]
    pub precision: String,
    /// 0: one per core, or one per model on a GPU.
    pub lanes: u32,
    /// 0: the device's default.
    pub max_batch_tokens: u32,
    /// Texts accepted and not yet answered, at most.
    pub queue_capacity: u32,
}

#[napi(object)]
pub struct ModelConfig {
    pub name: String,
    /// A checkpoint's directory, or an ONNX file.
    pub path: String,
    /// The directory of the weights; often the same.
    pub weights_path: String,
    /// What must be so before anything of the model is loaded.
    pub locked: Vec<LockedFile>,
    /// 0: what the model reads.
    pub max_tokens: u32,
    /// `''`: the checkpoint's own head.
    #[napi(ts_type = "'cls' | 'mean' | ''")]
    pub pooling: String,
    pub label_names: Vec<LabelName>,
}

#[napi(object)]
pub struct LockedFile {
    pub path: String,
    pub bytes: f64,
    pub sha256: String,
}

#[napi(object)]
pub struct LabelName {
    pub from: String,
    pub to: String,
}

#[napi(object)]
pub struct ModelInfo {
    pub name: String,
    pub architecture: String,
    #[napi(ts_type = "'classification' | 'embedding'")]
    pub task: String,
    pub labels: Vec<String>,
    pub max_tokens: u32,
    pub parameters: f64,
    pub precision: String,
    pub provider: String,
}

/// How a request ended.
#[napi(object)]
pub struct Reply {
    pub ticket: u32,
    /// One entry per text; empty after a failure.
    pub answers: Vec<TextAnswer>,
    /// Where the time went, in milliseconds: tokenization, queue, inference; empty after a failure.
    pub timing: Vec<f64>,
    pub failure: Option<Failure>,
}

/// The answers to one text, as numbers: every object and string costs the JS thread.
#[napi(object)]
pub struct TextAnswer {
    /// One entry per requested model, in order. A classifier's: class, score, class, score, …, best first;
    /// classes are indices into `ModelInfo.labels`. An encoder's: its vector.
    pub outputs: Vec<Vec<f64>>,
    /// Indices of models that read only the beginning of the text.
    pub truncated_by: Vec<u32>,
}

/// `counts[i]` fell in `(upperBounds[i - 1], upperBounds[i]]`; the last count lies above all bounds.
#[napi(object)]
pub struct Histogram {
    pub upper_bounds: Vec<f64>,
    pub counts: Vec<f64>,
    pub sum: f64,
}

#[napi(object)]
pub struct ReasonCount {
    pub reason: String,
    pub count: f64,
}

#[napi(object)]
pub struct ModelStats {
    pub name: String,
    pub texts_done: f64,
    pub texts_failed: f64,
    pub texts_cancelled: f64,
    pub queued_texts: f64,
    pub queued_tokens: f64,
    pub batch_tokens: f64,
    pub batch_padded_tokens: f64,
    pub busy_seconds: f64,
    pub batch_size: Histogram,
    pub queue_wait_seconds: Histogram,
    pub inference_seconds: Histogram,
    pub batches_closed: Vec<ReasonCount>,
    pub errors: Vec<ReasonCount>,
}

#[napi(object)]
pub struct EngineStats {
    pub models: Vec<ModelStats>,
    pub lanes: f64,
    pub lane_restarts: f64,
    pub panics: f64,
    pub pending_texts: f64,
    pub queue_capacity: f64,
    pub tokenization_seconds: Histogram,
    pub input_tokens: Histogram,
    pub truncated_texts: f64,
    pub seconds_since_progress: f64,
}
