//! Reads a Hugging Face `config.json` into a [`ModelSpec`].
//!
//! Field names and defaults are those of `transformers`' configuration classes; DistilBERT names its
//! sizes differently from the others.

use serde_json::{Map, Value};

use super::{Activation, Architecture, ModelSpec, Pooling, ScoreFunction, SpecError, Task};

/// `transformers` fixes DistilBERT's epsilon in code; its config has no field for it.
const DISTILBERT_LAYER_NORM_EPS: f64 = 1e-12;

impl ModelSpec {
    /// Reads a parsed `config.json`.
    ///
    /// With `pooling` the checkpoint is served as an encoder, whatever head it has; without, it must
    /// be a sequence classifier.
    pub fn from_config(config: &Value, pooling: Option<Pooling>) -> Result<Self, SpecError> {
        let fields = Fields(config.as_object().ok_or_else(|| SpecError::Invalid {
            field: "config".to_owned(),
            expected: "a JSON object".to_owned(),
            found: kind(config).to_owned(),
        })?);
        let architecture = fields.architecture()?;
        fields.only("position_embedding_type", "absolute")?;
        fields.only("is_decoder", "false")?;
        let distil = architecture == Architecture::DistilBert;
        let name = |common: &'static str, distilbert: &'static str| if distil { distilbert } else { common };
        let spec = Self {
            architecture,
            task: fields.task(architecture, pooling)?,
            vocab_size: fields.size("vocab_size")?,
            hidden_size: fields.size(name("hidden_size", "dim"))?,
            layers: fields.size(name("num_hidden_layers", "n_layers"))?,
            attention_heads: fields.size(name("num_attention_heads", "n_heads"))?,
            intermediate_size: fields.size(name("intermediate_size", "hidden_dim"))?,
            position_rows: fields.size("max_position_embeddings")?,
            token_type_rows: if distil { 0 } else { fields.size_or("type_vocab_size", 2)? },
            layer_norm_eps: fields.number_or("layer_norm_eps", DISTILBERT_LAYER_NORM_EPS)? as f32,
            activation: fields.activation(name("hidden_act", "activation"))?,
            pad_token_id: fields.size_or("pad_token_id", usize::from(architecture.is_roberta_family()))? as u32,
        };
        if !spec.hidden_size.is_multiple_of(spec.attention_heads) {
            return Err(SpecError::Invalid {
                field: name("num_attention_heads", "n_heads").to_owned(),
                expected: format!("a divisor of the hidden size {}", spec.hidden_size),
                found: spec.attention_heads.to_string(),
            });
        }
        if spec.max_tokens() < 4 {
            return Err(SpecError::Invalid {
                field: "max_position_embeddings".to_owned(),
                expected: format!("at least {}", spec.first_position() + 4),
                found: spec.position_rows.to_string(),
            });
        }
        Ok(spec)
    }
}

/// Label names by class id from `id2label`; `None` where the config has no map.
///
/// Ids are keys of a JSON object, so they are strings; some configs of the hub also quote the values
/// of `label2id`, which is not read.
pub fn labels(config: &Value) -> Result<Option<Vec<String>>, SpecError> {
    let Some(map) = config.get("id2label").filter(|map| !map.is_null()) else { return Ok(None) };
    let invalid = |expected: &str, found: String| SpecError::Invalid {
        field: "id2label".to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let map = map.as_object().ok_or_else(|| invalid("an object from class id to name", kind(map).to_owned()))?;
    let mut labels = vec![None; map.len()];
    for (id, name) in map {
        let slot =
            id.parse::<usize>().ok().and_then(|id| labels.get_mut(id)).ok_or_else(|| {
                invalid(&format!("the ids 0 to {}", map.len().saturating_sub(1)), format!("id {id:?}"))
            })?;
        *slot = Some(name.as_str().ok_or_else(|| invalid("names as strings", kind(name).to_owned()))?.to_owned());
    }
    labels.into_iter().collect::<Option<Vec<_>>>().map(Some).ok_or_else(|| invalid("every id once", "a gap".to_owned()))
}

/// The pipeline's rule: `problem_type` first, then the number of labels.
pub fn score_function(problem_type: Option<&str>, classes: usize) -> ScoreFunction {
    match problem_type {
        Some("regression") => ScoreFunction::Identity,
        Some("multi_label_classification") => ScoreFunction::Sigmoid,
        _ if classes == 1 => ScoreFunction::Sigmoid,
        _ => ScoreFunction::Softmax,
    }
}

/// Typed access to the top level of a config, with errors that name the field.
struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    fn architecture(&self) -> Result<Architecture, SpecError> {
        let supported = || Architecture::ALL.map(Architecture::model_type).join(", ");
        let found = self.get("model_type").and_then(Value::as_str).ok_or_else(|| SpecError::Missing {
            field: "model_type".to_owned(),
            expected: format!("one of {}", supported()),
        })?;
        Architecture::ALL.into_iter().find(|architecture| architecture.model_type() == found).ok_or_else(|| {
            SpecError::Unsupported {
                field: "model_type".to_owned(),
                found: format!("{found:?}"),
                supported: supported(),
            }
        })
    }

    fn task(&self, architecture: Architecture, pooling: Option<Pooling>) -> Result<Task, SpecError> {
        if let Some(pooling) = pooling {
            return Ok(Task::Embedding(pooling));
        }
        let class = self
            .get("architectures")
            .and_then(|list| list.get(0))
            .and_then(Value::as_str)
            .unwrap_or("ForSequenceClassification");
        if class.ends_with("ForSequenceClassification") {
            let problem_type = self.get("problem_type").and_then(Value::as_str).map(str::to_owned);
            let labels = labels(&Value::Object(self.0.clone()))?.unwrap_or_default();
            Ok(Task::Classification { labels, problem_type })
        } else if class.ends_with("Model") || class.ends_with("ForMaskedLM") {
            Err(SpecError::PoolingRequired { architecture: architecture.to_string() })
        } else {
            Err(SpecError::Unsupported {
                field: "architectures".to_owned(),
                found: format!("{class:?}"),
                supported: "…ForSequenceClassification, and …Model with a pooling".to_owned(),
            })
        }
    }

    fn activation(&self, field: &str) -> Result<Activation, SpecError> {
        let found = self.get(field).and_then(Value::as_str).unwrap_or("gelu");
        Activation::from_name(found).ok_or_else(|| SpecError::Unsupported {
            field: field.to_owned(),
            found: format!("{found:?}"),
            supported: Activation::NAMES.join(", "),
        })
    }

    /// Refuses any other value of `field` than `value`, its default.
    fn only(&self, field: &str, value: &str) -> Result<(), SpecError> {
        let found = match self.get(field) {
            None => return Ok(()),
            Some(Value::String(found)) => found.clone(),
            Some(other) => other.to_string(),
        };
        if found == value {
            return Ok(());
        }
        Err(SpecError::Unsupported { field: field.to_owned(), found, supported: value.to_owned() })
    }

    fn size(&self, field: &str) -> Result<usize, SpecError> {
        if self.get(field).is_none() {
            return Err(SpecError::Missing { field: field.to_owned(), expected: "a positive integer".to_owned() });
        }
        match self.size_or(field, 0)? {
            0 => Err(SpecError::Invalid {
                field: field.to_owned(),
                expected: "a positive integer".to_owned(),
                found: "0".to_owned(),
            }),
            size => Ok(size),
        }
    }

    fn size_or(&self, field: &str, default: usize) -> Result<usize, SpecError> {
        let Some(value) = self.get(field) else { return Ok(default) };
        let size = value.as_u64().and_then(|size| u32::try_from(size).ok());
        size.map(|size| size as usize).ok_or_else(|| SpecError::Invalid {
            field: field.to_owned(),
            expected: "an integer of at least 0".to_owned(),
            found: value.to_string(),
        })
    }

    fn number_or(&self, field: &str, default: f64) -> Result<f64, SpecError> {
        let Some(value) = self.get(field) else { return Ok(default) };
        value.as_f64().filter(|number| number.is_finite() && *number > 0.0).ok_or_else(|| SpecError::Invalid {
            field: field.to_owned(),
            expected: "a positive number".to_owned(),
            found: value.to_string(),
        })
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn roberta() -> Value {
        json!({
            "architectures": ["XLMRobertaForSequenceClassification"], "model_type": "xlm-roberta",
            "hidden_act": "gelu", "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-5,
            "max_position_embeddings": 514, "num_attention_heads": 12, "num_hidden_layers": 12,
            "pad_token_id": 1, "type_vocab_size": 1, "vocab_size": 250_002,
            "id2label": {"0": "negative", "2": "positive", "1": "neutral"},
            "label2id": {"negative": "0", "neutral": "1", "positive": "2"}
        })
    }

    fn with(mut config: Value, field: &str, value: Value) -> Value {
        config[field] = value;
        config
    }

    #[test]
    fn reads_labels_in_the_order_of_their_ids() {
        let spec = ModelSpec::from_config(&roberta(), None).unwrap();
        let Task::Classification { labels, .. } = spec.task else { panic!("a classifier") };
        assert_eq!(labels, ["negative", "neutral", "positive"]);
    }

    #[test]
    fn a_roberta_position_table_of_514_holds_512_tokens() {
        let spec = ModelSpec::from_config(&roberta(), None).unwrap();
        assert_eq!((spec.first_position(), spec.max_tokens()), (2, 512));
    }

    #[test]
    fn reads_the_field_names_of_distilbert() {
        let config = json!({
            "model_type": "distilbert", "activation": "gelu", "dim": 768, "hidden_dim": 3072, "n_heads": 12,
            "n_layers": 6, "max_position_embeddings": 512, "vocab_size": 30522, "pad_token_id": 0
        });
        let spec = ModelSpec::from_config(&config, None).unwrap();
        assert_eq!((spec.layers, spec.intermediate_size, spec.token_type_rows), (6, 3072, 0));
        assert_eq!((spec.max_tokens(), spec.pad_token_id), (512, 0));
    }

    #[test]
    fn names_the_field_and_what_would_be_right() {
        let error = |config: Value| ModelSpec::from_config(&config, None).unwrap_err().to_string();
        assert_eq!(
            error(with(roberta(), "model_type", json!("t5"))),
            "`model_type` is \"t5\", which is not supported; supported: bert, distilbert, roberta, xlm-roberta"
        );
        assert_eq!(
            error(with(roberta(), "hidden_size", json!("wide"))),
            "`hidden_size` must be an integer of at least 0, found \"wide\""
        );
        assert_eq!(
            error(with(roberta(), "num_attention_heads", json!(7))),
            "`num_attention_heads` must be a divisor of the hidden size 768, found 7"
        );
        assert_eq!(
            error(with(roberta(), "id2label", json!({"0": "a", "5": "b"}))),
            "`id2label` must be the ids 0 to 1, found id \"5\""
        );
        assert!(error(with(roberta(), "hidden_act", json!("mish"))).contains("supported: gelu, gelu_new"));
        assert!(error(with(roberta(), "position_embedding_type", json!("relative_key"))).contains("absolute"));
    }

    #[test]
    fn a_bare_encoder_needs_a_pooling() {
        let bare = with(roberta(), "architectures", json!(["XLMRobertaModel"]));
        assert!(matches!(ModelSpec::from_config(&bare, None), Err(SpecError::PoolingRequired { .. })));
        let spec = ModelSpec::from_config(&bare, Some(Pooling::Mean)).unwrap();
        assert_eq!(spec.task, Task::Embedding(Pooling::Mean));
    }

    #[test]
    fn chooses_the_score_function_as_the_pipeline_does() {
        assert_eq!(score_function(None, 3), ScoreFunction::Softmax);
        assert_eq!(score_function(Some("single_label_classification"), 2), ScoreFunction::Softmax);
        assert_eq!(score_function(Some("multi_label_classification"), 3), ScoreFunction::Sigmoid);
        assert_eq!(score_function(None, 1), ScoreFunction::Sigmoid);
        assert_eq!(score_function(Some("regression"), 1), ScoreFunction::Identity);
    }
}
