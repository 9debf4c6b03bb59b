//! An [`OnnxBuilder`] together with the checkpoint's tensors: the building blocks of all layers.

use std::collections::HashSet;

use super::{Initializer, PackedGraph};
use crate::{
    onnx::{
        builder::{OnnxBuilder, Value, float, int},
        proto::DataType,
    },
    weights::{Dtype, Tensor, WeightError, WeightIndex},
};

pub struct Scope<'a> {
    pub onnx: OnnxBuilder,
    weights: &'a WeightIndex,
    initializers: Vec<Initializer>,
    declared: HashSet<String>,
}

impl<'a> Scope<'a> {
    pub fn new(onnx: OnnxBuilder, weights: &'a WeightIndex) -> Self {
        Self { onnx, weights, initializers: Vec::new(), declared: HashSet::new() }
    }

    pub fn weights(&self) -> &'a WeightIndex {
        self.weights
    }

    /// The tensor `name` of exactly `shape`, as an `f32` value.
    pub fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Value, WeightError> {
        let tensor = self.weights.expect(name, shape)?.clone();
        Ok(self.declare(name, shape, tensor))
    }

    /// The first row of the table `name` of `[rows, columns]`, as an `f32[columns]` value.
    pub fn first_row(&mut self, name: &str, rows: usize, columns: usize) -> Result<Value, WeightError> {
        let mut tensor = self.weights.expect(name, &[rows, columns])?.clone();
        tensor.data.length = (columns * tensor.dtype.size()) as u64;
        Ok(self.declare(name, &[columns], tensor))
    }

    fn declare(&mut self, name: &str, shape: &[usize], tensor: Tensor) -> Value {
        let element = match tensor.dtype {
            Dtype::Bf16 => DataType::Bfloat16,
            Dtype::F16 => DataType::Float16,
            Dtype::F32 => DataType::Float,
        };
        if self.declared.insert(name.to_owned()) {
            self.onnx.external(name, element, shape, &tensor.data);
            if element != DataType::Float {
                self.onnx.node("Cast", &widened(name), &[name], vec![int("to", DataType::Float as i64)]);
            }
            self.initializers.push(Initializer { name: name.to_owned(), shape: shape.to_vec(), tensor });
        }
        if element == DataType::Float { name.to_owned() } else { widened(name) }
    }

    /// `input · weightᵀ + bias`: the layout in which `PyTorch` stores a linear layer, so nothing is transposed.
    pub fn linear(&mut self, name: &str, input: &str, columns: usize, rows: usize) -> Result<Value, WeightError> {
        let weight = self.weight(&format!("{name}.weight"), &[rows, columns])?;
        let bias = self.weight(&format!("{name}.bias"), &[rows])?;
        Ok(self.onnx.node("Gemm", &format!("{name}/linear"), &[input, &weight, &bias], vec![int("transB", 1)]))
    }

    /// Layer normalization of `input + skip (+ bias)` over the last dimension.
    pub fn add_and_norm(
        &mut self,
        name: &str,
        input: &str,
        skip: &str,
        bias: Option<&str>,
        size: usize,
        epsilon: f32,
    ) -> Result<Value, WeightError> {
        let gamma = self.weight(&format!("{name}.weight"), &[size])?;
        let beta = self.weight(&format!("{name}.bias"), &[size])?;
        let mut inputs = vec![input, skip, gamma.as_str(), beta.as_str()];
        inputs.extend(bias);
        Ok(self.onnx.fused("SkipLayerNormalization", &format!("{name}/norm"), &inputs, vec![float("epsilon", epsilon)]))
    }

    pub fn finish(self, width: usize) -> PackedGraph {
        let parameters = self.initializers.iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
        PackedGraph { model: self.onnx.finish(), initializers: self.initializers, width, parameters }
    }
}

/// The `f32` value of a tensor that is stored in half precision.
fn widened(name: &str) -> Value {
    format!("{name}/f32")
}
