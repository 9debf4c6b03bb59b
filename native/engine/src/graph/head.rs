//! Classification heads and mean pooling of the packed graph.

use super::{
    AttentionInputs, Inputs,
    attention::to_rectangle,
    names::{ClassifierNames, EncoderNames, HeadFunction},
    scope::Scope,
};
use crate::{
    onnx::{
        builder::{Value, int},
        proto::DataType,
    },
    spec::ModelSpec,
    weights::WeightError,
};

/// Logits `f32[B, classes]` from the first tokens' vectors, and the number of classes.
pub fn classification(
    scope: &mut Scope,
    spec: &ModelSpec,
    names: &EncoderNames,
    first_tokens: &str,
) -> Result<(Value, usize), WeightError> {
    let size = spec.hidden_size;
    let ClassifierNames { dense, function, projection } = names.classifier();
    let classes = scope.weights().rows(&format!("{projection}.weight"), size)?;
    let function = match function {
        HeadFunction::Relu => "Relu",
        HeadFunction::Tanh => "Tanh",
    };
    let features = scope.linear(&dense, first_tokens, size, size)?;
    let features = scope.onnx.node(function, &format!("{dense}/activation"), &[&features], vec![]);
    Ok((scope.linear(projection, &features, size, classes)?, classes))
}

/// The mean of each text's token vectors, `hidden` in `f32`: `f32[B, hidden]`.
pub fn mean_pooling(scope: &mut Scope, inputs: &Inputs, hidden: &str) -> Value {
    match &inputs.attention {
        AttentionInputs::Offsets { mean: Some(mean), .. } => {
            scope.onnx.node("MatMul", "pooling/mean", &[mean, hidden], vec![])
        }
        AttentionInputs::Offsets { mean: None, .. } => unreachable!("a graph that pools has the input"),
        AttentionInputs::Rectangle { pad, lengths, .. } => rectangle_mean(scope, pad, lengths, hidden),
    }
}

/// Padding cells are set to zero with `lengths`, then each row is summed and divided by its length.
fn rectangle_mean(scope: &mut Scope, pad: &str, lengths: &str, hidden: &str) -> Value {
    let padded = to_rectangle(scope, hidden, pad);
    let onnx = &mut scope.onnx;
    // `cell < length` as [B, S]: the column numbers are 0..S, read off the rectangle's own shape.
    let shape = onnx.node("Shape", "pooling/shape", &[pad], vec![]);
    let one = onnx.constant("pooling/one", &[1]);
    let longest = onnx.node("Gather", "pooling/longest", &[&shape, &one], vec![]);
    let ones = onnx.node("Expand", "pooling/ones", &[&one, &longest], vec![]);
    let zero = onnx.constant("pooling/axis", &[0]);
    let axis = onnx.node("Squeeze", "pooling/axis_scalar", &[&zero], vec![]);
    let columns = onnx.node("CumSum", "pooling/columns", &[&ones, &axis], vec![int("exclusive", 1)]);
    let lengths = onnx.node("Cast", "pooling/lengths", &[lengths], vec![int("to", DataType::Int64 as i64)]);
    let lengths = onnx.node("Unsqueeze", "pooling/length_column", &[&lengths, &one], vec![]);
    let real = onnx.node("Less", "pooling/real", &[&columns, &lengths], vec![]);
    let to_float = || vec![int("to", DataType::Float as i64)];
    let mask = onnx.node("Cast", "pooling/mask", &[&real], to_float());
    let last = onnx.constant("pooling/last", &[2]);
    let mask = onnx.node("Unsqueeze", "pooling/mask_cells", &[&mask, &last], vec![]);
    let kept = onnx.node("Mul", "pooling/kept", &[&padded, &mask], vec![]);
    let sum = onnx.node("ReduceSum", "pooling/sum", &[&kept, &one], vec![int("keepdims", 0)]);
    let count = onnx.node("Cast", "pooling/count", &[&lengths], to_float());
    onnx.node("Div", "pooling/mean", &[&sum, &count], vec![])
}
