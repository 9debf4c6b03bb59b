//! One encoder layer: self-attention and feed-forward block, each with residual and layer norm (post-norm,
//! as in BERT).

use std::mem::swap;

use chorus_engine::{
    graph::names::LayerNames,
    spec::{self, ModelSpec},
    weights::WeightError,
};
use chorus_kernels::{Activation, Attention, AttentionScratch, Format, Inputs, LayerNorm, Linear, Matrix, MatrixMut};

use super::{
    team::for_each,
    weights::{Sizes, Tensors},
};

/// A batch on its way through the layers. Keeps its memory from batch to batch.
#[derive(Default)]
pub struct Workspace<B> {
    /// `[rows, hidden]`: what the next layer reads. A row for every token, or for the first of each text.
    pub hidden: Vec<f32>,
    /// The first token of each text, and the number of all.
    pub offsets: Vec<usize>,
    /// `[tokens, hidden]`: embeddings before they are normalized.
    pub sums: Vec<f32>,
    queries: Vec<f32>,
    projected: Vec<f32>,
    residual: Vec<f32>,
    context: Vec<f32>,
    attended: Vec<f32>,
    wide: Vec<f32>,
    narrow: Vec<f32>,
    operands: B,
    attention: Vec<AttentionScratch>,
}

/// How a layer projects its input to queries, keys and values.
enum Projections<F: Format> {
    /// All of them for every token, side by side in one operator.
    AllTokens(Linear<F>),
    /// Queries for the first token of each text, keys and values for every token: the last layer of a
    /// model whose head reads nothing else.
    FirstTokens { query: Linear<F>, key_value: Linear<F> },
}

pub struct Layer<F: Format> {
    size: usize,
    heads: usize,
    projections: Projections<F>,
    attention: Attention,
    attention_output: Linear<F>,
    attention_norm: LayerNorm,
    intermediate: Linear<F>,
    /// What `intermediate` does not apply itself.
    activation: Option<Pointwise>,
    output: Linear<F>,
    output_norm: LayerNorm,
}

impl<F: Format> Layer<F> {
    pub fn pack(
        tensors: &Tensors,
        spec: &ModelSpec,
        names: &LayerNames,
        first_tokens_only: bool,
    ) -> Result<Self, WeightError> {
        let (size, wide) = (spec.hidden_size, spec.intermediate_size);
        let square =
            |names: &[&str]| tensors.linear(names, Sizes { inputs: size, outputs: size }, Activation::Identity);
        let (fused, activation) = activation(spec.activation);
        let LayerNames { query, key, value, .. } = names;
        Ok(Self {
            size,
            heads: spec.attention_heads,
            projections: if first_tokens_only {
                Projections::FirstTokens { query: square(&[query])?, key_value: square(&[key, value])? }
            } else {
                Projections::AllTokens(square(&[query, key, value])?)
            },
            attention: Attention::of_format::<F>(spec.attention_heads, size / spec.attention_heads),
            attention_output: square(&[&names.attention_output])?,
            attention_norm: tensors.layer_norm(&names.attention_norm, size, spec.layer_norm_eps)?,
            intermediate: tensors.linear(&[&names.intermediate], Sizes { inputs: size, outputs: wide }, fused)?,
            activation,
            output: tensors.linear(&[&names.output], Sizes { inputs: wide, outputs: size }, Activation::Identity)?,
            output_norm: tensors.layer_norm(&names.output_norm, size, spec.layer_norm_eps)?,
        })
    }

    /// Replaces `work.hidden` by this layer's output, on up to `parts` threads.
    pub fn run(&self, work: &mut Workspace<F::Buffer>, parts: usize) {
        self.attend(work, parts);
        let Workspace { hidden, residual, context, attended, wide, narrow, operands, .. } = work;
        multiply(&self.attention_output, operands, context, narrow, parts);
        normalize(&self.attention_norm, narrow, residual, attended, self.size);
        multiply(&self.intermediate, operands, attended, wide, parts);
        if let Some(function) = self.activation {
            for value in wide.iter_mut() {
                *value = function(*value);
            }
        }
        multiply(&self.output, operands, wide, narrow, parts);
        normalize(&self.output_norm, narrow, attended, hidden, self.size);
    }

    /// Fills `context` with what each query attends to, and `residual` with the input of its row.
    fn attend(&self, work: &mut Workspace<F::Buffer>, parts: usize) {
        let Workspace { hidden, offsets, queries, projected, residual, context, operands, attention, .. } = work;
        let size = self.size;
        let firsts: Vec<usize>;
        let inputs = match &self.projections {
            Projections::AllTokens(operator) => {
                multiply(operator, operands, hidden, projected, parts);
                swap(residual, hidden);
                let all = Matrix::new(projected, 3 * size);
                Inputs {
                    queries: all.with_columns(0..size),
                    keys: all.with_columns(size..2 * size),
                    values: all.with_columns(2 * size..3 * size),
                    query_offsets: offsets,
                    key_offsets: offsets,
                }
            }
            Projections::FirstTokens { query, key_value } => {
                multiply(key_value, operands, hidden, projected, parts);
                residual.clear();
                for first in &offsets[..offsets.len() - 1] {
                    residual.extend_from_slice(&hidden[first * size..][..size]);
                }
                multiply(query, operands, residual, queries, parts);
                firsts = (0..offsets.len()).collect();
                let both = Matrix::new(projected, 2 * size);
                Inputs {
                    queries: Matrix::new(queries, size),
                    keys: both.with_columns(0..size),
                    values: both.with_columns(size..2 * size),
                    query_offsets: &firsts,
                    key_offsets: offsets,
                }
            }
        };
        context.resize(residual.len(), 0.0);
        attention.resize_with(attention.len().max(parts), AttentionScratch::new);
        let head_size = size / self.heads;
        let columns = |part: usize| self.heads * part / parts * head_size;
        let targets =
            MatrixMut::new(context, size).split_columns((0..parts).map(|part| columns(part)..columns(part + 1)));
        for_each(targets.into_iter().zip(attention), |((columns, target), scratch)| {
            self.attention.run_heads(&inputs, columns.start / head_size..columns.end / head_size, scratch, target);
        });
    }
}

/// Parts of an operator's columns per thread, if there are several. One that is held up by another process
/// leaves its second part to the others: 98 tokens on two idle cores take 0.91 to 0.93 of the time.
const PARTS_PER_THREAD: usize = 2;

/// `output = activation(input · Wᵀ + b)`, the columns split among `threads` threads.
pub fn multiply<F: Format>(
    operator: &Linear<F>,
    operands: &mut F::Buffer,
    input: &[f32],
    output: &mut Vec<f32>,
    threads: usize,
) {
    let shape = operator.shape();
    let parts = if threads > 1 { threads * PARTS_PER_THREAD } else { 1 };
    output.resize(input.len() / shape.inputs * shape.outputs, 0.0);
    F::with_rows(operands, input, shape.inputs, |rows| {
        let columns = |part: usize| shape.columns_of_part(part, parts);
        let shares = MatrixMut::new(output, shape.outputs).split_columns((0..parts).map(columns));
        for_each(shares, |(columns, target)| operator.run_columns(rows, columns, target));
    });
}

/// `output = norm(input + residual)`
fn normalize(norm: &LayerNorm, input: &[f32], residual: &[f32], output: &mut Vec<f32>, size: usize) {
    output.resize(input.len(), 0.0);
    norm.run(input, Some(residual), MatrixMut::new(output, size));
}

/// A function of one number.
type Pointwise = fn(f32) -> f32;

/// What the operator applies itself, and what is left to apply to its result.
fn activation(activation: spec::Activation) -> (Activation, Option<Pointwise>) {
    match activation {
        spec::Activation::Gelu => (Activation::Gelu, None),
        spec::Activation::GeluTanh => (Activation::Identity, Some(gelu_tanh)),
        spec::Activation::Relu => (Activation::Identity, Some(|x| x.max(0.0))),
        spec::Activation::Silu => (Activation::Identity, Some(|x| x / (1.0 + (-x).exp()))),
    }
}

/// `gelu_new` of `transformers`: `x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
fn gelu_tanh(x: f32) -> f32 {
    const FACTOR: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (FACTOR * (x + 0.044_715 * x * x * x)).tanh())
}
