//! Tensors of a checkpoint packed into operators.

use std::borrow::Cow;

use chorus_core::weights::WeightError;
use chorus_kernels::{Activation, Format, LayerNorm, Linear, Shape, WeightMemory};

use crate::model::tensors::Tensors;

/// What a checkpoint is packed from and where to.
pub struct Packing<'a> {
    pub tensors: Tensors<'a>,
    pub memory: WeightMemory,
}

/// The input and output sizes of a linear layer.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub inputs: usize,
    pub outputs: usize,
}

/// The linear layers `names`, all of the same sizes, as one whose outputs stand side by side.
pub fn linear<F: Format>(
    packing: &Packing,
    names: &[&str],
    sizes: Sizes,
    activation: Activation,
) -> Result<Linear<F>, WeightError> {
    let Sizes { inputs, outputs } = sizes;
    let read =
        |part: &str, shape: &[usize]| packing.tensors.joined(names.iter().map(|name| format!("{name}.{part}")), shape);
    let (weights, bias) = (read("weight", &[outputs, inputs])?, read("bias", &[outputs])?);
    let shape = Shape { outputs: names.len() * outputs, inputs };
    Ok(Linear::pack(&packing.memory, &weights, Some(&bias), shape, activation))
}

pub fn layer_norm(tensors: &Tensors, name: &str, size: usize, epsilon: f32) -> Result<LayerNorm, WeightError> {
    let read = |part: &str| tensors.numbers(&format!("{name}.{part}"), &[size]).map(Cow::into_owned);
    Ok(LayerNorm::new(read("weight")?, read("bias")?, epsilon))
}
