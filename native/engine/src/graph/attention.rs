//! Multi-head self-attention: the one part in which the graph's flavours differ.
//!
//! Attention alone needs to know which tokens belong together. [`Layout::Rectangle`] lays them out as
//! `[texts, longest]` by an index gather and back by another, which every provider can run.
//! [`Layout::Offsets`] leaves them packed: `PackedMultiHeadAttention`, which only CUDA has, reads where each
//! text begins.

use super::{AttentionInputs, Inputs, layers::Queries, names::LayerNames, scope::Scope};
use crate::{
    onnx::builder::{Value, int},
    spec::ModelSpec,
    weights::WeightError,
};

/// What [`attention`] attends to.
#[derive(Clone, Copy)]
pub struct Attended<'a> {
    /// The layer's input: `[T, hidden]`.
    pub hidden: &'a str,
    /// Those of its rows that the layer computes: all, or `[B, hidden]` first tokens.
    pub queried: &'a str,
    pub queries: Queries,
}

/// How attention is told which tokens belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Token offsets and cumulative lengths, for the CUDA provider's `PackedMultiHeadAttention`.
    Offsets,
    /// Two index gathers around `MultiHeadAttention`, on any provider.
    Rectangle,
}

/// Multi-head attention over each text's own tokens: `[T, hidden]`, or `[B, hidden]` for first tokens.
pub fn attention(
    scope: &mut Scope,
    spec: &ModelSpec,
    names: &LayerNames,
    inputs: &Inputs,
    attended: Attended,
) -> Result<Value, WeightError> {
    match &inputs.attention {
        AttentionInputs::Offsets { token_offset, cumulative, .. } => {
            let context = packed(scope, spec, names, [token_offset, cumulative], attended.hidden)?;
            Ok(match attended.queries {
                Queries::AllTokens => context,
                Queries::FirstTokens => {
                    scope.onnx.node("Gather", &format!("{context}/first"), &[&context, &inputs.first], vec![])
                }
            })
        }
        AttentionInputs::Rectangle { pad, unpad, lengths } => {
            padded(scope, spec, names, [pad, unpad, lengths], attended)
        }
    }
}

/// One product for queries, keys and values: `[T, heads, 3, head]`, the layout that the operator calls packed
/// QKV. Its kernels add the biases. All tokens are queried: the operator wants as many queries as keys.
fn packed(
    scope: &mut Scope,
    spec: &ModelSpec,
    names: &LayerNames,
    [token_offset, cumulative]: [&str; 2],
    hidden: &str,
) -> Result<Value, WeightError> {
    let (size, heads) = (spec.hidden_size as i64, spec.attention_heads as i64);
    let head = size / heads;
    let parts = [&names.query, &names.key, &names.value];

    let per_head = scope.onnx.constant("shape/per_head", &[heads, head, size]);
    let mut weights = Vec::new();
    let mut biases = Vec::new();
    for part in parts {
        let weight = scope.weight(&format!("{part}.weight"), &[spec.hidden_size, spec.hidden_size])?;
        weights.push(scope.onnx.node("Reshape", &format!("{part}/per_head"), &[&weight, &per_head], vec![]));
        biases.push(scope.weight(&format!("{part}.bias"), &[spec.hidden_size])?);
    }
    let name = format!("{}/qkv", names.query);
    let weight = scope.onnx.node("Concat", &format!("{name}/per_head"), &as_strs(&weights), vec![int("axis", 1)]);
    let columns = scope.onnx.constant("shape/qkv_weight", &[3 * size, size]);
    let weight = scope.onnx.node("Reshape", &format!("{name}/weight"), &[&weight, &columns], vec![]);
    let bias = scope.onnx.node("Concat", &format!("{name}/bias"), &as_strs(&biases), vec![int("axis", 0)]);

    let product = scope.onnx.fused("FusedMatMul", &name, &[hidden, &weight], vec![int("transB", 1)]);
    let shape = scope.onnx.constant("shape/qkv", &[-1, heads, 3, head]);
    let qkv = scope.onnx.node("Reshape", &format!("{name}/heads"), &[&product, &shape], vec![]);
    Ok(scope.onnx.fused(
        "PackedMultiHeadAttention",
        &format!("{}/attention", names.query),
        &[&qkv, "", "", &bias, token_offset, cumulative],
        vec![int("num_heads", heads)],
    ))
}

fn padded(
    scope: &mut Scope,
    spec: &ModelSpec,
    names: &LayerNames,
    [pad, unpad, lengths]: [&str; 3],
    attended: Attended,
) -> Result<Value, WeightError> {
    let size = spec.hidden_size;
    let query = scope.linear(&names.query, attended.queried, size, size)?;
    let key = scope.linear(&names.key, attended.hidden, size, size)?;
    let value = scope.linear(&names.value, attended.hidden, size, size)?;

    let query = match attended.queries {
        Queries::AllTokens => to_rectangle(scope, &query, pad),
        Queries::FirstTokens => {
            let shape = scope.onnx.constant("shape/one_query", &[-1, 1, size as i64]);
            scope.onnx.node("Reshape", &format!("{query}/padded"), &[&query, &shape], vec![])
        }
    };
    let key = to_rectangle(scope, &key, pad);
    let value = to_rectangle(scope, &value, pad);
    let context = scope.onnx.fused(
        "MultiHeadAttention",
        &format!("{}/attention", names.query),
        &[&query, &key, &value, "", lengths],
        vec![int("num_heads", spec.attention_heads as i64)],
    );
    let rows = scope.onnx.constant("shape/rows", &[-1, size as i64]);
    let context = scope.onnx.node("Reshape", &format!("{context}/rows"), &[&context, &rows], vec![]);
    Ok(match attended.queries {
        Queries::AllTokens => scope.onnx.node("Gather", &format!("{context}/packed"), &[&context, unpad], vec![]),
        Queries::FirstTokens => context,
    })
}

/// `[T, hidden]` to `[B, S, hidden]`.
pub fn to_rectangle(scope: &mut Scope, packed: &str, pad: &str) -> Value {
    scope.onnx.node("Gather", &format!("{packed}/padded"), &[packed, pad], vec![])
}

fn as_strs(values: &[Value]) -> Vec<&str> {
    values.iter().map(String::as_str).collect()
}
