//! What crosses the bridge, field by field. Nothing is optional towards Rust: defaults are filled in
//! `src/config`.

use napi::bindgen_prelude::Float32Array;
use napi_derive::napi;

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
    /// The longest wait that is let in, in milliseconds; 0: what deadlines and clients allow.
    pub max_wait: f64,
    /// Bytes of memory for models; 0: as many as they take.
    pub model_memory: f64,
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
    /// What it is computed with, where its folder leaves a choice.
    #[napi(ts_type = "'auto' | 'checkpoint' | 'onnx'")]
    pub format: String,
    /// Which of its folder's graphs computes it, relative to the weights; `''`: the usual one.
    pub graph: String,
    /// `''`: the checkpoint's own head.
    #[napi(ts_type = "'cls' | 'mean' | ''")]
    pub pooling: String,
    pub label_names: Vec<LabelName>,
    /// At start, or when it is asked for.
    #[napi(ts_type = "'eager' | 'lazy'")]
    pub load: String,
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
    /// What a classifier's scores are.
    #[napi(ts_type = "'probabilities' | 'numbers'")]
    pub scores: String,
    /// Whether an answer has the class that the model has decided for, behind the scores.
    pub decides: bool,
    pub max_tokens: u32,
    pub parameters: f64,
    pub precision: String,
    pub provider: String,
    /// Hexadecimal; equal for models that answer every text alike.
    pub digest: String,
    /// Hexadecimal; equal for encoders whose vectors can be compared.
    pub space: String,
    /// Numbers in an answer: scores, with the class that is decided for where there is one, or components of a vector.
    pub width: u32,
    /// Components of an encoder's vector; 0 for a classifier.
    pub dimensions: u32,
    /// Whether its vectors are made to have the length 1.
    pub normalized: bool,
    /// How its vectors are to be compared.
    #[napi(ts_type = "'cosine' | 'dot'")]
    pub similarity: String,
    /// What is to be put in front of texts of a kind; the model does not.
    pub prompts: Vec<Prompt>,
    /// The text of the one for any other text, where there is one.
    pub default_prompt: Option<String>,
    /// Memory that it takes while it is loaded.
    pub bytes: f64,
    #[napi(ts_type = "'eager' | 'lazy'")]
    pub load: String,
}

#[napi(object)]
pub struct Prompt {
    pub name: String,
    pub text: String,
}

/// What has become of a model that is loaded on demand.
#[napi(object)]
pub struct ModelEvent {
    pub model: String,
    #[napi(ts_type = "'evicted' | 'failed' | 'loaded'")]
    pub what: String,
    /// How long the load took, of one that was done.
    pub seconds: f64,
    /// Why it failed, and when it may be tried again; `''` and 0 where it did not.
    pub error: String,
    pub retry_after_ms: f64,
}

/// A model as its folder describes it, before anything large of it is read.
#[napi(object)]
pub struct Description {
    /// `model_type` of a checkpoint's configuration, or `onnx`.
    pub architecture: String,
    /// The ONNX file that computes it; `''`: the weights of a checkpoint.
    pub graph: String,
    /// The files that hold the graph's numbers, outside it; none while the graph is not there.
    pub data: Vec<String>,
    #[napi(ts_type = "'classification' | 'embedding'")]
    pub task: String,
    pub max_tokens: u32,
    /// What its tokenizer's files say.
    pub settings: Vec<Setting>,
}

/// What a profile is going to take, and what there is; all sizes in bytes of the host's memory.
#[napi(object)]
pub struct Footprint {
    /// In the order of the profile.
    pub models: Vec<ModelFootprint>,
    /// All tokenizers, once they are loaded.
    pub tokenizers: f64,
    /// What tokenizers take while they are loaded, which is before anything else is.
    pub loading_tokenizers: f64,
    /// What packing weights takes beside them, for a moment.
    pub packing: f64,
    pub lanes: u32,
    /// Whether models lie in the host's memory.
    pub is_on_cpu: bool,
    /// The least that a control group or the machine has; 0: not known.
    pub memory_limit: f64,
    /// CPUs of the control group's quota; 0: there is none.
    pub cpu_quota: f64,
}

#[napi(object)]
pub struct ModelFootprint {
    pub name: String,
    /// Whether it is loaded when it is asked for, and may go again.
    pub is_lazy: bool,
    /// Kept for as long as it is served.
    pub weights: f64,
    /// Of batches, once each lane has run the largest; kept, too.
    pub buffers: f64,
    /// Tables in files, of which pages are mapped as texts ask for them.
    pub mapped: f64,
}

/// A setting of a tokenizer, and what became of it.
#[napi(object)]
pub struct Setting {
    pub file: String,
    pub name: String,
    /// Whether it is applied; else it changes no token.
    pub applied: bool,
    /// Why it changes none.
    pub reason: String,
}

/// A file that was stored in another format.
#[napi(object)]
pub struct StoredFile {
    pub from: String,
    pub to: String,
}

/// Texts to be answered.
#[napi(object)]
pub struct Request {
    /// Unique among open requests.
    pub ticket: u32,
    pub texts: Vec<String>,
    /// Indices into the loaded models: those of the first text, then those of the second, and so on.
    pub models: Vec<u32>,
    /// How many of `models` each text has; empty: each has all of them.
    pub counts: Vec<u32>,
    /// Milliseconds from now after which the answer is not wanted; 0: none.
    pub deadline_ms: f64,
    #[napi(ts_type = "'interactive' | 'batch'")]
    pub priority: String,
}

/// When an answer is wanted; as of [`Request`].
#[napi(object)]
pub struct Hurry {
    pub deadline_ms: f64,
    #[napi(ts_type = "'interactive' | 'batch'")]
    pub priority: String,
}

/// How a request ended, as numbers: every object and string costs the JS thread.
#[napi(object)]
pub struct Reply {
    pub ticket: u32,
    /// Text by text, the models of each in the order in which they were asked for: a score for each label, or a vector.
    /// As many as `ModelInfo.width` says. Empty after a failure.
    pub numbers: Float32Array,
    /// Index of a text, index of a model that read only its beginning, and so on.
    pub truncated: Vec<u32>,
    /// Outputs that no other request had asked for already.
    pub begun: u32,
    pub tokenization_ms: f64,
    pub queue_ms: f64,
    pub inference_ms: f64,
    pub failure: Option<Failure>,
}

/// Why a request got no answer.
#[napi(object)]
pub struct Failure {
    pub code: String,
    pub message: String,
    /// When another try may be worth it; 0: not known.
    pub retry_after_ms: f64,
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
    /// Whether it is in memory, and what it takes or would take of it.
    pub loaded: bool,
    pub bytes: f64,
    /// Loads on demand, and how often it had to go for others.
    pub loads_done: f64,
    pub loads_failed: f64,
    pub evictions: f64,
    pub load_seconds: Histogram,
}

#[napi(object)]
pub struct EngineStats {
    pub models: Vec<ModelStats>,
    pub lanes: f64,
    /// Steps of the engine's threads that panicked.
    pub panics: f64,
    /// The engine has failed for good and refuses every request.
    pub broken: bool,
    pub pending_texts: f64,
    pub queue_capacity: f64,
    /// Bytes of the models that are loaded, and the most that may be, if there is a limit.
    pub model_memory: f64,
    pub model_memory_limit: Option<f64>,
    /// Until the first text of a request would begin that came now.
    pub expected_wait_seconds: f64,
    /// The longest such wait that is let in, if there is a limit.
    pub wait_limit_seconds: Option<f64>,
    pub tokenization_seconds: Histogram,
    pub input_tokens: Histogram,
    pub truncated_texts: f64,
    pub seconds_since_progress: f64,
}
