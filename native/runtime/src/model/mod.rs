//! A loaded model: token ids in, labels or a vector out.
//!
//! - `load`: from a profile's entry to a [`Model`]
//! - `encoder`: a checkpoint on the CPU
//! - `cuda`: a checkpoint on a GPU
//! - `tensors`: a checkpoint's tensors as numbers, for both
//! - `padded`: any other ONNX file

mod cuda;
mod encoder;
mod load;
mod padded;
mod tensors;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chorus_core::{
    head::{ClassScore, ClassificationHead},
    spec::Pooling,
};
use chorus_cuda::Device;

pub use self::{
    encoder::Team,
    load::{Loader, TokenizerSet, onnx_file},
};
use crate::{checkpoint::LockedFile, error::BatchError, tokenizer::TextTokenizer};

/// A model as a profile describes it.
#[derive(Clone, Debug)]
pub struct ModelConfig {
    /// The name in answers and metrics.
    pub name: String,
    /// A checkpoint's directory, a directory with an ONNX file, or an ONNX file.
    pub path: PathBuf,
    /// The directory of the weights, where they are not beside the configuration.
    pub weights: Option<PathBuf>,
    /// What must be so before anything of the model is loaded.
    pub locked: Vec<LockedFile>,
    /// The longest input in tokens; what the model reads where it is not given.
    pub max_tokens: Option<usize>,
    /// Serves the encoder's vectors instead of its head.
    pub pooling: Option<Pooling>,
    /// New names of labels.
    pub label_names: HashMap<String, String>,
}

impl ModelConfig {
    pub fn weights(&self) -> &Path {
        self.weights.as_deref().unwrap_or(&self.path)
    }
}

/// What models run on.
#[derive(Clone)]
pub enum Hardware {
    Cpu,
    Cuda(Arc<Device>),
}

impl Hardware {
    /// The name in metrics and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
        }
    }
}

/// How linear layers compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// In single precision, as the checkpoint's authors did.
    #[default]
    Exact,
    Bf16,
    /// In half precision, which GPUs multiply several times as fast.
    Fp16,
    Int8,
}

impl Precision {
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
            Self::Int8 => "int8",
        }
    }
}

/// How many threads a batch may use now, the calling one included: more while other lanes are idle.
#[derive(Debug)]
pub struct ThreadShare(AtomicUsize);

impl ThreadShare {
    pub const fn new(threads: usize) -> Self {
        Self(AtomicUsize::new(threads))
    }

    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub fn set(&self, threads: usize) {
        self.0.store(threads, Ordering::Relaxed);
    }
}

/// Runs batches of one model; called by several lanes at once.
pub trait Runner: Send + Sync {
    /// Runs texts of token ids on as many threads as `threads` says before each layer.
    ///
    /// Returns [`Runner::width`] numbers per text, in order; the same ones on any number of threads.
    fn run(&self, texts: &[&[u32]], threads: &ThreadShare) -> Result<Vec<f32>, BatchError>;

    /// Numbers per text.
    fn width(&self) -> usize;

    /// Tokens that a batch makes the model compute, padding included.
    fn computed_tokens(&self, texts: &[&[u32]]) -> usize;

    /// Finds out before the first request how batches of up to `tokens` tokens are computed best.
    fn prepare(&self, _tokens: usize) -> Result<(), BatchError> {
        Ok(())
    }
}

/// What a model's numbers mean.
pub enum Head {
    Classification(ClassificationHead),
    /// The numbers are the answer.
    Embedding,
}

/// What a model answers to one text.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Best first; classes are indices into [`ModelInfo::labels`].
    Classification(Vec<ClassScore>),
    /// A pooled vector, not normalized.
    Embedding(Vec<f32>),
}

/// What is known about a loaded model.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    pub name: String,
    /// `model_type` of the checkpoint's config, or `onnx`.
    pub architecture: String,
    pub labels: Vec<String>,
    /// The longest input in tokens, special tokens included.
    pub max_tokens: usize,
    /// Numbers in the tensors that are read; 0 where it is not known.
    pub parameters: usize,
    pub precision: Precision,
    /// What it runs on: `cpu` or `cuda`.
    pub provider: &'static str,
}

pub struct Model {
    pub info: ModelInfo,
    /// Index in the engine's [`TokenizerSet`].
    pub tokenizer: usize,
    pub head: Head,
    pub runner: Box<dyn Runner>,
}

impl Model {
    /// The ids that the model reads: special tokens around as much content as fits.
    pub fn input(&self, tokenizer: &TextTokenizer, content: &[u32]) -> Vec<u32> {
        let kept = content.len().min(self.max_content(tokenizer));
        [tokenizer.prefix(), &content[..kept], tokenizer.suffix()].concat()
    }

    /// Tokens of a text that fit between the special tokens.
    pub fn max_content(&self, tokenizer: &TextTokenizer) -> usize {
        self.info.max_tokens.saturating_sub(tokenizer.special_count())
    }

    /// One text's output from its row of the model's numbers; at most `top` labels.
    pub fn output(&self, row: &[f32], top: usize) -> Result<Output, BatchError> {
        match &self.head {
            Head::Classification(head) => {
                head.scores(row, top).map(Output::Classification).map_err(|_| BatchError::NonFinite)
            }
            Head::Embedding if row.iter().all(|number| number.is_finite()) => Ok(Output::Embedding(row.to_vec())),
            Head::Embedding => Err(BatchError::NonFinite),
        }
    }
}
