//! Embeddings and encoder layers of the packed graph.

use super::{
    Inputs,
    names::{EncoderNames, LayerNames},
    scope::Scope,
};
use crate::{
    onnx::builder::{Value, int},
    spec::{Activation, ModelSpec},
    weights::WeightError,
};

/// For which tokens a layer computes its output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queries {
    /// Every token: `[T, hidden]`.
    AllTokens,
    /// The first token of each text: `[B, hidden]`. Keys and values still come from every token.
    FirstTokens,
}

/// Word, position and token type embeddings, added and normalized: `f32[T, hidden]`.
///
/// All tokens have token type 0, as every tokenizer says for a single text.
pub fn embeddings(
    scope: &mut Scope,
    spec: &ModelSpec,
    names: &EncoderNames,
    inputs: &Inputs,
) -> Result<Value, WeightError> {
    let words = scope.weight(&names.embedding("word_embeddings.weight"), &[spec.vocab_size, spec.hidden_size])?;
    let positions =
        scope.weight(&names.embedding("position_embeddings.weight"), &[spec.position_rows, spec.hidden_size])?;
    let token_type = match spec.token_type_rows {
        0 => None,
        rows => Some(scope.first_row(&names.embedding("token_type_embeddings.weight"), rows, spec.hidden_size)?),
    };
    let words = scope.onnx.node("Gather", "embeddings/words", &[&words, &inputs.ids], vec![]);
    let positions = scope.onnx.node("Gather", "embeddings/positions", &[&positions, &inputs.positions], vec![]);
    let norm = names.embedding("LayerNorm");
    scope.add_and_norm(&norm, &words, &positions, token_type.as_deref(), spec.hidden_size, spec.layer_norm_eps)
}

/// Self-attention and feed-forward block, each with residual and layer norm (post-norm, as in BERT).
pub fn encoder_layer(
    scope: &mut Scope,
    spec: &ModelSpec,
    names: &LayerNames,
    inputs: &Inputs,
    hidden: &str,
    queries: Queries,
) -> Result<Value, WeightError> {
    let (size, epsilon) = (spec.hidden_size, spec.layer_norm_eps);
    let residual = match queries {
        Queries::AllTokens => hidden.to_owned(),
        Queries::FirstTokens => {
            scope.onnx.node("Gather", &format!("{}/first", names.query), &[hidden, &inputs.first], vec![])
        }
    };
    let context = attention(scope, spec, names, inputs, hidden, &residual, queries)?;
    let attended = scope.linear(&names.attention_output, &context, size, size)?;
    let attended = scope.add_and_norm(&names.attention_norm, &attended, &residual, None, size, epsilon)?;
    let wide = scope.linear(&names.intermediate, &attended, size, spec.intermediate_size)?;
    let wide = activation(scope, spec.activation, &names.intermediate, &wide);
    let narrow = scope.linear(&names.output, &wide, spec.intermediate_size, size)?;
    scope.add_and_norm(&names.output_norm, &narrow, &attended, None, size, epsilon)
}

/// Multi-head attention over each text's own tokens: `[T, hidden]`, or `[B, hidden]` for first tokens.
fn attention(
    scope: &mut Scope,
    spec: &ModelSpec,
    names: &LayerNames,
    inputs: &Inputs,
    hidden: &str,
    queries_from: &str,
    queries: Queries,
) -> Result<Value, WeightError> {
    let size = spec.hidden_size;
    let query = scope.linear(&names.query, queries_from, size, size)?;
    let key = scope.linear(&names.key, hidden, size, size)?;
    let value = scope.linear(&names.value, hidden, size, size)?;

    let query = match queries {
        Queries::AllTokens => pad(scope, &query, inputs),
        Queries::FirstTokens => {
            let shape = scope.onnx.constant("shape/one_query", &[-1, 1, size as i64]);
            scope.onnx.node("Reshape", &format!("{query}/padded"), &[&query, &shape], vec![])
        }
    };
    let key = pad(scope, &key, inputs);
    let value = pad(scope, &value, inputs);
    let context = scope.onnx.fused(
        "MultiHeadAttention",
        &format!("{}/attention", names.query),
        &[&query, &key, &value, "", &inputs.lengths],
        vec![int("num_heads", spec.attention_heads as i64)],
    );
    let rows = scope.onnx.constant("shape/rows", &[-1, size as i64]);
    let context = scope.onnx.node("Reshape", &format!("{context}/rows"), &[&context, &rows], vec![]);
    Ok(match queries {
        Queries::AllTokens => {
            scope.onnx.node("Gather", &format!("{context}/packed"), &[&context, &inputs.unpad], vec![])
        }
        Queries::FirstTokens => context,
    })
}

/// `[T, hidden]` to `[B, S, hidden]`.
pub fn pad(scope: &mut Scope, packed: &str, inputs: &Inputs) -> Value {
    scope.onnx.node("Gather", &format!("{packed}/padded"), &[packed, &inputs.pad], vec![])
}

fn activation(scope: &mut Scope, activation: Activation, name: &str, input: &str) -> Value {
    let output = format!("{name}/activation");
    match activation {
        Activation::Gelu => scope.onnx.fused("Gelu", &output, &[input], vec![]),
        Activation::GeluTanh => scope.onnx.fused("FastGelu", &output, &[input], vec![]),
        Activation::Relu => scope.onnx.node("Relu", &output, &[input], vec![]),
        Activation::Silu => {
            let sigmoid = scope.onnx.node("Sigmoid", &format!("{output}/sigmoid"), &[input], vec![]);
            scope.onnx.node("Mul", &output, &[input, &sigmoid], vec![])
        }
    }
}
