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

    /// BERT's pooler belongs to the encoder, so it carries the encoder's prefix.
    pub fn pooler(&self) -> String {
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
