//! A loaded model: token ids in, labels or a vector out.
//!
//! - `description`: what a folder says it is, before anything large is read
//! - `load`: from that to a [`Model`]; `identity`: what makes two the same
//! - `slot`: a runner that may come and go; `lazy`: what loads it; `room`: whether memory can hold it
//! - `encoder`: a checkpoint on the CPU
//! - `cuda`: a checkpoint on a GPU
//! - `tensors`: a checkpoint's tensors as numbers, for both
//! - `padded`: any other ONNX file that takes tokens; `text`: one that takes texts

mod cuda;
mod description;
mod encoder;
mod identity;
mod lazy;
mod load;
mod padded;
mod room;
mod slot;
mod tensors;
mod text;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chorus_core::{
    head::ClassificationHead,
    requests::{BatchError, LoadTime},
    spec::{Pooling, ScoreFunction},
};
use chorus_cuda::Device;

pub use self::{
    description::{Description, Source},
    encoder::{Team, Teams, memory as encoder_memory},
    load::Loader,
    slot::{LoadRunner, Slot},
};
use crate::checkpoint::{Format, LockedFile, Usage};

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
    /// What it is computed with, where its folder leaves a choice.
    pub format: Format,
    /// Which of its folder's graphs computes it, relative to the weights; the usual one where it is not given.
    pub graph: Option<String>,
    /// Serves the encoder's vectors instead of its head.
    pub pooling: Option<Pooling>,
    /// New names of labels.
    pub label_names: HashMap<String, String>,
    pub load: LoadTime,
}

impl ModelConfig {
    /// As a profile describes it that says no more than where it is.
    pub fn new(name: &str, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            path: path.into(),
            weights: None,
            locked: Vec::new(),
            max_tokens: None,
            format: Format::Auto,
            graph: None,
            pooling: None,
            label_names: HashMap::new(),
            load: LoadTime::Eager,
        }
    }

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

/// What a model's runner is given: texts of its reader's kind.
#[derive(Clone, Copy, Debug)]
pub enum Batch<'a> {
    Texts(&'a [&'a str]),
    Tokens(&'a [&'a [u32]]),
}

impl<'a> Batch<'a> {
    pub fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Tokens(texts) => texts.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The token ids of a batch for a model that reads tokens.
    pub fn tokens(&self) -> Result<&'a [&'a [u32]], BatchError> {
        match self {
            Self::Tokens(texts) => Ok(texts),
            Self::Texts(_) => Err(BatchError::Runtime("it reads tokens and was given text".to_owned())),
        }
    }
}

/// Runs batches of one model; called by several lanes at once.
pub trait Runner: Send + Sync {
    /// Runs a batch on as many threads as `threads` says before each layer.
    ///
    /// Returns [`Runner::width`] numbers per text, in order; the same ones on any number of threads.
    fn run(&self, batch: &Batch, threads: &ThreadShare) -> Result<Vec<f32>, BatchError>;

    /// Numbers per text.
    fn width(&self) -> usize;

    /// What a batch makes the model compute, in tokens for models that read them, padding included.
    fn computed(&self, batch: &Batch) -> usize {
        match batch {
            Batch::Texts(texts) => texts.len(),
            Batch::Tokens(texts) => texts.iter().map(|text| text.len()).sum(),
        }
    }

    /// Finds out before the first request how batches of up to `tokens` tokens are computed best.
    fn prepare(&self, _tokens: usize) -> Result<(), BatchError> {
        Ok(())
    }
}

/// What a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// The text itself; a batch's budget counts so much for each KiB.
    Text { cost_per_kib: usize },
    Tokens {
        /// Index in the engine's [`TokenizerSet`].
        tokenizer: usize,
        /// Tokens of a text that fit between the special tokens.
        max_content: usize,
        /// Rows of the model's table of token vectors, where the tokenizer has ids beyond it.
        rows: Option<usize>,
    },
}

/// What a model's numbers mean.
#[derive(Clone)]
pub enum Head {
    Classification(ClassificationHead),
    Decision(DecisionHead),
    /// The numbers are the answer, a pooled vector; with `normalize` it is made to have the length 1.
    Embedding {
        normalize: bool,
    },
}

/// A classifier that decides by itself: its numbers are final scores, and behind them the index of its class, which need
/// not be the one with the highest score.
#[derive(Clone, Debug)]
pub struct DecisionHead {
    pub labels: Vec<String>,
    /// Whether the scores are probabilities; else they are what a decision function gives.
    pub probabilities: bool,
}

/// What is known about a model, loaded or not.
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
    /// Hexadecimal; equal for models that answer every text alike.
    pub digest: String,
    /// `Identity::space`.
    pub space: String,
    /// Numbers in an answer: scores, with the class that is decided for where there is one, or components of a vector.
    pub width: usize,
    /// Memory that it takes while it is loaded: of a checkpoint, its packed weights; of a graph, the size of its files;
    /// 0 on a GPU, whose memory is not counted.
    pub bytes: usize,
    pub load: LoadTime,
    /// What an encoder's vectors are for.
    pub usage: Usage,
}

pub struct Model {
    pub info: ModelInfo,
    pub reader: Reader,
    pub head: Head,
    pub slot: Slot,
}

impl Model {
    /// Tokens of a text that the model reads between the special tokens of `tokenizer`, if that is its own.
    pub fn max_content(&self, tokenizer: usize) -> Option<usize> {
        match self.reader {
            Reader::Tokens { tokenizer: own, max_content, .. } if own == tokenizer => Some(max_content),
            _ => None,
        }
    }

    /// What one text costs it in a batch, at most.
    pub fn max_cost(&self) -> usize {
        match self.reader {
            Reader::Text { .. } => usize::MAX,
            Reader::Tokens { .. } => self.info.max_tokens,
        }
    }
}

impl Head {
    /// One text's output from its row of the model's numbers: a score for each label, or the vector.
    pub fn output(&self, row: &[f32]) -> Result<Vec<f32>, BatchError> {
        match self {
            Self::Classification(head) => head.scores(row).map_err(|_| BatchError::NonFinite),
            Self::Decision(_) | Self::Embedding { .. } if !row.iter().all(|number| number.is_finite()) => {
                Err(BatchError::NonFinite)
            }
            Self::Decision(_) | Self::Embedding { normalize: false } => Ok(row.to_vec()),
            Self::Embedding { normalize: true } => Ok(normalized(row)),
        }
    }

    /// Whether a classifier's scores are probabilities, each in [0, 1].
    pub fn gives_probabilities(&self) -> bool {
        match self {
            Self::Classification(head) => head.function != ScoreFunction::Identity,
            Self::Decision(head) => head.probabilities,
            Self::Embedding { .. } => false,
        }
    }
}

/// Least length that a vector is divided by: that of `torch.nn.functional.normalize`.
const LEAST_LENGTH: f32 = 1e-12;

fn normalized(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt().max(LEAST_LENGTH);
    vector.iter().map(|number| number / length).collect()
}
