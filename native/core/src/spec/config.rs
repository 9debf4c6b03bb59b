//! Reads a Hugging Face `config.json` into a [`ModelSpec`].
//!
//! Field names and defaults are those of `transformers`' configuration classes; DistilBERT names its
//! sizes differently from the others.

use serde_json::{Map, Value};

use super::{Activation, Architecture, ModelSpec, Pooling, ProblemType, ScoreFunction, SpecError, Task};

/// Model types whose positions start behind the padding id (`create_position_ids_from_input_ids` in their code).
const ROBERTA_KIN: [&str; 12] = [
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "longformer",
    "luke",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
];
/// Endings of the names of classes without a head that Chorus has.
const BARE: [&str; 2] = ["Model", "ForMaskedLM"];
/// Endings of the names of classes with another head.
const OTHER_TASKS: [&str; 8] = [
    "ForCausalLM",
    "ForMultipleChoice",
    "ForNextSentencePrediction",
    "ForPreTraining",
    "ForQuestionAnswering",
    "ForTokenClassification",
    "ForTextEncoding",
    "LMHeadModel",
];

/// `transformers` fixes DistilBERT's epsilon in code; its config has no field for it.
const DISTILBERT_LAYER_NORM_EPS: f64 = 1e-12;

impl Architecture {
    /// The architecture that a parsed `config.json` names.
    pub fn of(config: &Value) -> Result<Self, SpecError> {
        Fields::of(config)?.architecture()
    }
}

impl ModelSpec {
    /// Reads a parsed `config.json`.
    ///
    /// With `pooling` the checkpoint is served as an encoder, whatever head it has; without, it must
    /// be a sequence classifier.
    pub fn from_config(config: &Value, pooling: Option<Pooling>) -> Result<Self, SpecError> {
        let fields = Fields::of(config)?;
        let architecture = fields.architecture()?;
        fields.only("position_embedding_type", "absolute")?;
        fields.only("is_decoder", "false")?;
        fields.only("pruned_heads", "{}")?;
        fields.refused(&["adapters", "quantization_config"])?;
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
            pad_token_id: fields.padding(architecture)?,
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

/// The labels and the problem type of a classifier whose weights are in a graph of its own.
pub fn classification(config: &Value) -> Result<Task, SpecError> {
    Fields::of(config)?.classification()
}

/// The longest input in tokens that a table of positions holds, whatever the model: RoBERTa's kin count positions from
/// behind the padding id.
pub fn position_limit(config: &Value) -> Result<Option<usize>, SpecError> {
    let fields = Fields::of(config)?;
    let Some(rows) = fields.optional_size("max_position_embeddings")? else { return Ok(None) };
    let model_type = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
    let first = if ROBERTA_KIN.contains(&model_type) { fields.size_or("pad_token_id", 1)? + 1 } else { 0 };
    Ok(Some(rows.saturating_sub(first)))
}

/// Rows of the table of token vectors, where the configuration says so.
pub fn vocab_size(config: &Value) -> Result<Option<usize>, SpecError> {
    Fields::of(config)?.optional_size("vocab_size")
}

/// The pipeline's rule: `problem_type` first, then the number of labels.
pub fn score_function(problem_type: Option<ProblemType>, classes: usize) -> ScoreFunction {
    match problem_type {
        Some(ProblemType::Regression) => ScoreFunction::Identity,
        Some(ProblemType::MultiLabel) => ScoreFunction::Sigmoid,
        None | Some(ProblemType::SingleLabel) if classes == 1 => ScoreFunction::Sigmoid,
        None | Some(ProblemType::SingleLabel) => ScoreFunction::Softmax,
    }
}

/// Typed access to the top level of a config, with errors that name the field.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn of(config: &'a Value) -> Result<Self, SpecError> {
        config.as_object().map(Self).ok_or_else(|| SpecError::Invalid {
            field: "config".to_owned(),
            expected: "a JSON object".to_owned(),
            found: kind(config).to_owned(),
        })
    }

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

    /// What a checkpoint is for. The name in `architectures` says what it was saved by; a name that is no other task's
    /// is that of somebody's own classifier, whose weights say whether it is one.
    fn task(&self, architecture: Architecture, pooling: Option<Pooling>) -> Result<Task, SpecError> {
        if let Some(pooling) = pooling {
            return Ok(Task::Embedding(pooling));
        }
        let class = self.get("architectures").and_then(|list| list.get(0)).and_then(Value::as_str).unwrap_or_default();
        if BARE.iter().any(|bare| class.ends_with(bare)) {
            return Err(SpecError::PoolingRequired { architecture: architecture.to_string() });
        }
        if OTHER_TASKS.iter().any(|task| class.ends_with(task)) {
            return Err(SpecError::Unsupported {
                field: "architectures".to_owned(),
                found: format!("{class:?}"),
                supported: "…ForSequenceClassification, and …Model with a pooling".to_owned(),
            });
        }
        self.classification()
    }

    fn classification(&self) -> Result<Task, SpecError> {
        Ok(Task::Classification { labels: self.labels()?, problem_type: self.problem_type()? })
    }

    /// Label names by class id from `id2label`; empty where the config has no map.
    ///
    /// Ids are keys of a JSON object, so they are strings; some configs of the hub name labels by numbers. transformers
    /// refuses a list, too, and has no name to give for an id that is left out. `label2id` is not read.
    fn labels(&self) -> Result<Vec<String>, SpecError> {
        let invalid = |expected: &str, found: String| SpecError::Invalid {
            field: "id2label".to_owned(),
            expected: expected.to_owned(),
            found,
        };
        let name = |name: &Value| match name {
            Value::String(name) => Ok(name.clone()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(invalid("names of labels, as strings or numbers", kind(other).to_owned())),
        };
        let Some(map) = self.get("id2label") else { return Ok(Vec::new()) };
        let map = map.as_object().ok_or_else(|| invalid("an object from class id to name", kind(map).to_owned()))?;
        if map.is_empty() {
            return Err(invalid("an object from class id to name", "an empty one".to_owned()));
        }
        let ids = || format!("an object with every id from 0 to {}", map.len().saturating_sub(1));
        let mut labels = vec![None; map.len()];
        for (id, value) in map {
            let slot = id.parse::<usize>().ok().and_then(|id| labels.get_mut(id));
            *slot.ok_or_else(|| invalid(&ids(), format!("the id {id:?}")))? = Some(name(value)?);
        }
        labels.into_iter().collect::<Option<_>>().ok_or_else(|| invalid(&ids(), "an id twice".to_owned()))
    }

    /// What `problem_type` says; transformers knows no other values.
    fn problem_type(&self) -> Result<Option<ProblemType>, SpecError> {
        let Some(found) = self.get("problem_type") else { return Ok(None) };
        let known = ProblemType::ALL.into_iter().find(|known| found == known.name());
        known.map(Some).ok_or_else(|| SpecError::Unsupported {
            field: "problem_type".to_owned(),
            found: found.to_string(),
            supported: ProblemType::ALL.map(ProblemType::name).join(", "),
        })
    }

    /// RoBERTa's kin cannot count positions without it.
    fn padding(&self, architecture: Architecture) -> Result<u32, SpecError> {
        let is_counted_from = architecture.is_roberta_family();
        if is_counted_from && self.0.get("pad_token_id").is_some_and(Value::is_null) {
            return Err(SpecError::Invalid {
                field: "pad_token_id".to_owned(),
                expected: "an id, behind which positions are counted".to_owned(),
                found: "null".to_owned(),
            });
        }
        Ok(self.size_or("pad_token_id", usize::from(is_counted_from))? as u32)
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

    /// Refuses fields that say that the weights are not what they seem.
    fn refused(&self, fields: &[&str]) -> Result<(), SpecError> {
        match fields.iter().find(|field| self.get(field).is_some()) {
            None => Ok(()),
            Some(field) => Err(SpecError::Unsupported {
                field: (*field).to_owned(),
                found: "stated".to_owned(),
                supported: "plain weights, without it".to_owned(),
            }),
        }
    }

    fn size(&self, field: &str) -> Result<usize, SpecError> {
        self.at_least(1, field)?
            .ok_or_else(|| SpecError::Missing { field: field.to_owned(), expected: "a positive integer".to_owned() })
    }

    fn size_or(&self, field: &str, default: usize) -> Result<usize, SpecError> {
        Ok(self.optional_size(field)?.unwrap_or(default))
    }

    fn optional_size(&self, field: &str) -> Result<Option<usize>, SpecError> {
        self.at_least(0, field)
    }

    /// The integer `field`, if it is stated; tensors have fewer rows and columns than 32 bits can count.
    fn at_least(&self, least: u32, field: &str) -> Result<Option<usize>, SpecError> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let size = value.as_u64().and_then(|size| u32::try_from(size).ok()).filter(|size| *size >= least);
        size.map(|size| Some(size as usize)).ok_or_else(|| SpecError::Invalid {
            field: field.to_owned(),
            expected: format!("an integer from {least} to {}", u32::MAX),
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
            "`hidden_size` must be an integer from 1 to 4294967295, found \"wide\""
        );
        assert_eq!(
            error(with(roberta(), "hidden_size", json!(1_000_000_000_000_u64))),
            "`hidden_size` must be an integer from 1 to 4294967295, found 1000000000000"
        );
        assert_eq!(
            error(with(roberta(), "num_hidden_layers", json!(0))),
            "`num_hidden_layers` must be an integer from 1 to 4294967295, found 0"
        );
        assert_eq!(
            error(with(roberta(), "type_vocab_size", json!(-1))),
            "`type_vocab_size` must be an integer from 0 to 4294967295, found -1"
        );
        assert_eq!(
            error(with(roberta(), "num_attention_heads", json!(7))),
            "`num_attention_heads` must be a divisor of the hidden size 768, found 7"
        );
        assert_eq!(
            error(with(roberta(), "id2label", json!({"0": "a", "5": "b"}))),
            "`id2label` must be an object with every id from 0 to 1, found the id \"5\""
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
        assert_eq!(score_function(Some(ProblemType::SingleLabel), 2), ScoreFunction::Softmax);
        assert_eq!(score_function(Some(ProblemType::MultiLabel), 3), ScoreFunction::Sigmoid);
        assert_eq!(score_function(None, 1), ScoreFunction::Sigmoid);
        assert_eq!(score_function(Some(ProblemType::Regression), 1), ScoreFunction::Identity);
    }

    #[test]
    fn labels_may_be_numbers_and_must_be_there_for_every_class() {
        let labels = |id2label: Value| match ModelSpec::from_config(&with(roberta(), "id2label", id2label), None) {
            Ok(ModelSpec { task: Task::Classification { labels, .. }, .. }) => Ok(labels),
            Ok(_) => panic!("a classifier"),
            Err(error) => Err(error.to_string()),
        };
        assert_eq!(labels(json!({"0": 0, "1": 1.5})), Ok(vec!["0".to_owned(), "1.5".to_owned()]));
        assert!(labels(json!(["a", "b"])).unwrap_err().contains("an object from class id to name, found an array"));
        assert!(labels(json!({})).unwrap_err().contains("found an empty one"));
        assert!(labels(json!({"1": "a", "2": "b"})).unwrap_err().contains("every id from 0 to 1"));
        assert!(labels(json!({"0": null})).unwrap_err().contains("as strings or numbers, found null"));
    }

    #[test]
    fn a_classifier_of_an_unusual_name_is_one_and_that_of_another_task_is_not() {
        let named = |name: &str| ModelSpec::from_config(&with(roberta(), "architectures", json!([name])), None);
        let unusual = named("BertForMultiLabelClassification").unwrap();
        assert!(matches!(unusual.task, Task::Classification { .. }));
        assert!(named("BertForTokenClassification").unwrap_err().to_string().contains("…ForSequenceClassification"));
        assert!(matches!(named("BertForMaskedLM"), Err(SpecError::PoolingRequired { .. })));
    }

    #[test]
    fn what_would_change_the_weights_or_scores_is_refused() {
        let refusal = |field: &str, value: Value| {
            ModelSpec::from_config(&with(roberta(), field, value), None).unwrap_err().to_string()
        };
        assert!(refusal("quantization_config", json!({"bits": 4})).starts_with("`quantization_config` is stated"));
        assert!(refusal("pruned_heads", json!({"0": [1]})).starts_with("`pruned_heads`"));
        assert!(refusal("problem_type", json!("ranking")).contains("supported: regression, single_label"));
        assert!(ModelSpec::from_config(&with(roberta(), "pruned_heads", json!({})), None).is_ok());
        assert!(refusal("pad_token_id", Value::Null).contains("behind which positions are counted"));
    }

    #[test]
    fn positions_of_any_model_type_are_limited() {
        let limit = |config: Value| position_limit(&config).unwrap();
        assert_eq!(limit(json!({"model_type": "electra", "max_position_embeddings": 32})), Some(32));
        assert_eq!(limit(json!({"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1})), Some(512));
        assert_eq!(limit(json!({"model_type": "t5"})), None);
    }
}
