//! Embeddings and encoder layers of the packed graph.

use super::{
    Inputs,
    attention::{Attended, attention},
    names::{EncoderNames, LayerNames},
    scope::{Product, Scope},
};
use crate::{
    onnx::builder::Value,
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
    let context = attention(scope, spec, names, inputs, Attended { hidden, queried: &residual, queries })?;
    let Product { value, bias } = scope.product(&names.attention_output, &context, size, size)?;
    let attended = scope.add_and_norm(&names.attention_norm, &value, &residual, bias.as_deref(), size, epsilon)?;
    let wide = widen(scope, spec, &names.intermediate, &attended)?;
    let Product { value, bias } = scope.product(&names.output, &wide, spec.intermediate_size, size)?;
    scope.add_and_norm(&names.output_norm, &value, &attended, bias.as_deref(), size, epsilon)
}

/// The feed-forward block's wide half: `activation(input · weightᵀ + bias)`.
fn widen(scope: &mut Scope, spec: &ModelSpec, name: &str, input: &str) -> Result<Value, WeightError> {
    let (size, wide) = (spec.hidden_size, spec.intermediate_size);
    let output = format!("{name}/activation");
    Ok(match spec.activation {
        Activation::Gelu => match scope.product(name, input, size, wide)? {
            Product { value, bias: None } => scope.onnx.fused("Gelu", &output, &[&value], vec![]),
            Product { value, bias: Some(bias) } => scope.onnx.fused("BiasGelu", &output, &[&value, &bias], vec![]),
        },
        Activation::GeluTanh => {
            let Product { value, bias } = scope.product(name, input, size, wide)?;
            let inputs: Vec<&str> = std::iter::once(value.as_str()).chain(bias.as_deref()).collect();
            scope.onnx.fused("FastGelu", &output, &inputs, vec![])
        }
        Activation::Relu => {
            let product = scope.linear(name, input, size, wide)?;
            scope.onnx.node("Relu", &output, &[&product], vec![])
        }
        Activation::Silu => {
            let product = scope.linear(name, input, size, wide)?;
            let sigmoid = scope.onnx.node("Sigmoid", &format!("{output}/sigmoid"), &[&product], vec![]);
            scope.onnx.node("Mul", &output, &[&product, &sigmoid], vec![])
        }
    })
}
