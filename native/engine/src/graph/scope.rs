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

/// The numbers that a graph computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Half precision. ONNX Runtime's CUDA kernels sum products and softmax in `f32`.
    F16,
    F32,
}

impl Element {
    fn data_type(self) -> DataType {
        match self {
            Self::F16 => DataType::Float16,
            Self::F32 => DataType::Float,
        }
    }
}

/// `input · weightᵀ` and the bias that its reader still has to add; none where it has been added.
pub struct Product {
    pub value: Value,
    pub bias: Option<Value>,
}

pub struct Scope<'a> {
    pub onnx: OnnxBuilder,
    /// What [`Scope::weight`] gives; the nodes' inputs must all be of the same.
    pub element: Element,
    /// Leaves biases to the operators that read a product, which CUDA's add for nothing.
    pub late_biases: bool,
    weights: &'a WeightIndex,
    initializers: Vec<Initializer>,
    declared: HashSet<String>,
}

impl<'a> Scope<'a> {
    pub fn new(onnx: OnnxBuilder, weights: &'a WeightIndex, element: Element, late_biases: bool) -> Self {
        Self { onnx, element, late_biases, weights, initializers: Vec::new(), declared: HashSet::new() }
    }

    pub fn weights(&self) -> &'a WeightIndex {
        self.weights
    }

    /// The tensor `name` of exactly `shape`, as a value of [`Scope::element`].
    pub fn weight(&mut self, name: &str, shape: &[usize]) -> Result<Value, WeightError> {
        let tensor = self.weights.expect(name, shape)?.clone();
        Ok(self.declare(name, shape, tensor))
    }

    /// The first row of the table `name` of `[rows, columns]`, as `[columns]`.
    pub fn first_row(&mut self, name: &str, rows: usize, columns: usize) -> Result<Value, WeightError> {
        let mut tensor = self.weights.expect(name, &[rows, columns])?.clone();
        tensor.data.length = (columns * tensor.dtype.size()) as u64;
        Ok(self.declare(name, &[columns], tensor))
    }

    fn declare(&mut self, name: &str, shape: &[usize], tensor: Tensor) -> Value {
        let stored = match tensor.dtype {
            Dtype::Bf16 => DataType::Bfloat16,
            Dtype::F16 => DataType::Float16,
            Dtype::F32 => DataType::Float,
        };
        if self.declared.insert(name.to_owned()) {
            self.onnx.external(name, stored, shape, &tensor.data);
            self.initializers.push(Initializer { name: name.to_owned(), shape: shape.to_vec(), tensor });
        }
        let wanted = self.element.data_type();
        if stored == wanted {
            return name.to_owned();
        }
        // ONNX Runtime folds casts of initializers when it loads the graph.
        let cast = format!("{name}/{}", if wanted == DataType::Float { "f32" } else { "f16" });
        if self.declared.insert(cast.clone()) {
            self.onnx.node("Cast", &cast, &[name], vec![int("to", wanted as i64)]);
        }
        cast
    }

    /// `value`, which is of [`Scope::element`], as `f32`; weights are `f32` from here on.
    pub fn continue_in_f32(&mut self, value: &str) -> Value {
        if self.element == Element::F32 {
            return value.to_owned();
        }
        self.element = Element::F32;
        self.onnx.node("Cast", &format!("{value}/f32"), &[value], vec![int("to", DataType::Float as i64)])
    }

    /// [`Scope::linear`] for a reader that can add the bias itself.
    pub fn product(&mut self, name: &str, input: &str, columns: usize, rows: usize) -> Result<Product, WeightError> {
        if !self.late_biases {
            return Ok(Product { value: self.linear(name, input, columns, rows)?, bias: None });
        }
        let weight = self.weight(&format!("{name}.weight"), &[rows, columns])?;
        let bias = self.weight(&format!("{name}.bias"), &[rows])?;
        let transposed = vec![int("transB", 1)];
        let value = self.onnx.fused("FusedMatMul", &format!("{name}/product"), &[input, &weight], transposed);
        Ok(Product { value, bias: Some(bias) })
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
