//! What each architecture calls its tensors.

use crate::{spec::Architecture, weights::WeightIndex};

/// Tensor names of one encoder layer, without `.weight` and `.bias`.
pub struct LayerNames {
    pub query: String,
    pub key: String,
    pub value: String,
    pub attention_output: String,
    pub attention_norm: String,
    pub intermediate: String,
    pub output: String,
    pub output_norm: String,
}

/// Tensor names of a classification head, without `.weight` and `.bias`, and what stands between them.
pub struct ClassifierNames {
    pub dense: String,
    pub function: HeadFunction,
    pub projection: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadFunction {
    Relu,
    Tanh,
}

/// Names of an encoder's tensors under the prefix that this checkpoint uses.
pub struct EncoderNames {
    architecture: Architecture,
    prefix: &'static str,
}

impl EncoderNames {
    /// A model with a head stores its encoder under a prefix (`roberta.`), a bare encoder without.
    pub fn new(architecture: Architecture, weights: &WeightIndex) -> Self {
        let prefix = match architecture {
            Architecture::Bert => "bert.",
            Architecture::DistilBert => "distilbert.",
            Architecture::Roberta | Architecture::XlmRoberta => "roberta.",
        };
        let bare = weights.get("embeddings.word_embeddings.weight").is_some();
        Self { architecture, prefix: if bare { "" } else { prefix } }
    }

    pub fn embedding(&self, table: &str) -> String {
        format!("{}embeddings.{table}", self.prefix)
    }

    /// The classification head: `projection(function(dense(first token)))`.
    pub fn classifier(&self) -> ClassifierNames {
        let (dense, function, projection) = match self.architecture {
            Architecture::Bert => (self.pooler(), HeadFunction::Tanh, "classifier"),
            Architecture::DistilBert => ("pre_classifier".to_owned(), HeadFunction::Relu, "classifier"),
            Architecture::Roberta | Architecture::XlmRoberta => {
                ("classifier.dense".to_owned(), HeadFunction::Tanh, "classifier.out_proj")
            }
        };
        ClassifierNames { dense, function, projection }
    }

    /// BERT's pooler belongs to the encoder, so it carries the encoder's prefix.
    fn pooler(&self) -> String {
        format!("{}pooler.dense", self.prefix)
    }

    pub fn layer(&self, index: usize) -> LayerNames {
        let prefix = self.prefix;
        if self.architecture == Architecture::DistilBert {
            let name = |part: &str| format!("{prefix}transformer.layer.{index}.{part}");
            LayerNames {
                query: name("attention.q_lin"),
                key: name("attention.k_lin"),
                value: name("attention.v_lin"),
                attention_output: name("attention.out_lin"),
                attention_norm: name("sa_layer_norm"),
                intermediate: name("ffn.lin1"),
                output: name("ffn.lin2"),
                output_norm: name("output_layer_norm"),
            }
        } else {
            let name = |part: &str| format!("{prefix}encoder.layer.{index}.{part}");
            LayerNames {
                query: name("attention.self.query"),
                key: name("attention.self.key"),
                value: name("attention.self.value"),
                attention_output: name("attention.output.dense"),
                attention_norm: name("attention.output.LayerNorm"),
                intermediate: name("intermediate.dense"),
                output: name("output.dense"),
                output_norm: name("output.LayerNorm"),
            }
        }
    }
}
