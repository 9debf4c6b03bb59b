//! What a checkpoint is: architecture, sizes, labels, as its `config.json` states them.
//!
//! `config` reads the JSON; this file holds the result. Sizes are taken at their word here and
//! checked against the tensors when the graph is built (`graph/`).

mod config;

use std::fmt;

use thiserror::Error;

pub use config::{classification, position_limit, score_function, vocab_size};

/// The encoder families that Chorus builds graphs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    Bert,
    DistilBert,
    Roberta,
    XlmRoberta,
}

impl Architecture {
    pub const ALL: [Self; 4] = [Self::Bert, Self::DistilBert, Self::Roberta, Self::XlmRoberta];

    /// The name that `config.json` gives in `model_type`.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::DistilBert => "distilbert",
            Self::Roberta => "roberta",
            Self::XlmRoberta => "xlm-roberta",
        }
    }

    /// RoBERTa and its multilingual sibling share everything but the tokenizer.
    pub fn is_roberta_family(self) -> bool {
        matches!(self, Self::Roberta | Self::XlmRoberta)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.model_type())
    }
}

/// The feed-forward block's activation, under the names of `transformers.activations.ACT2FN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `gelu`: the exact form with the error function.
    Gelu,
    /// `gelu_new`, `gelu_fast`, `gelu_pytorch_tanh`: the tanh approximation.
    GeluTanh,
    Relu,
    /// `silu`, also called `swish`.
    Silu,
}

impl Activation {
    pub const NAMES: [&str; 7] = ["gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu", "silu", "swish"];

    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Some(Self::GeluTanh),
            "relu" => Some(Self::Relu),
            "silu" | "swish" => Some(Self::Silu),
            _ => None,
        }
    }
}

/// The values of `problem_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemType {
    Regression,
    SingleLabel,
    MultiLabel,
}

impl ProblemType {
    pub const ALL: [Self; 3] = [Self::Regression, Self::SingleLabel, Self::MultiLabel];

    /// The name that `config.json` gives.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::SingleLabel => "single_label_classification",
            Self::MultiLabel => "multi_label_classification",
        }
    }
}

/// How logits become scores, as `transformers`' text-classification pipeline decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreFunction {
    /// `problem_type: regression`: the logit itself.
    Identity,
    /// `problem_type: multi_label_classification`, or a single label.
    Sigmoid,
    /// Every other classifier.
    Softmax,
}

/// How an encoder's token vectors become one vector per text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The vector of the first token (`[CLS]`, `<s>`).
    FirstToken,
    /// The mean over all tokens, special tokens included.
    Mean,
}

impl Pooling {
    /// The name in profiles.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstToken => "cls",
            Self::Mean => "mean",
        }
    }
}

/// What stands on top of the encoder.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    Classification {
        /// Names by class id from `id2label`; empty when the config has none.
        labels: Vec<String>,
        /// Where the config states one.
        problem_type: Option<ProblemType>,
    },
    Embedding(Pooling),
}

/// A checkpoint's shape and meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    pub architecture: Architecture,
    pub task: Task,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub layers: usize,
    pub attention_heads: usize,
    pub intermediate_size: usize,
    /// Rows of the position table (`max_position_embeddings`).
    pub position_rows: usize,
    /// Rows of the token type table; 0 where the architecture has none.
    pub token_type_rows: usize,
    pub layer_norm_eps: f32,
    pub activation: Activation,
    pub pad_token_id: u32,
}

impl ModelSpec {
    /// The position id of the first token: RoBERTa's start behind the padding id, others' at 0.
    pub fn first_position(&self) -> usize {
        if self.architecture.is_roberta_family() { self.pad_token_id as usize + 1 } else { 0 }
    }

    /// The longest input in tokens that the position table holds, whatever a tokenizer's config says.
    pub fn max_tokens(&self) -> usize {
        self.position_rows.saturating_sub(self.first_position())
    }
}

/// A `config.json` that cannot be served.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SpecError {
    #[error("`{field}` must be {expected}, found {found}")]
    Invalid { field: String, expected: String, found: String },
    #[error("`{field}` is missing; expected {expected}")]
    Missing { field: String, expected: String },
    #[error(
        "this is a bare encoder ({architecture}); the profile must say `pooling: mean` or `pooling: cls` to serve its vectors"
    )]
    PoolingRequired { architecture: String },
    #[error("`{field}` is {found}, which is not supported; supported: {supported}")]
    Unsupported { field: String, found: String, supported: String },
}
