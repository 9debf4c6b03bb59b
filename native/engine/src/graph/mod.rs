//! Builds the packed ONNX graph of a checkpoint.
//!
//! Packed means: a batch is one row of tokens. Linear layers, layer norms and activations run on
//! `[tokens, hidden]`; only attention sees `[texts, longest]`, through two index gathers. Where the
//! head reads nothing but the first token, the last layer computes only that token's query,
//! attention output and feed-forward block. Both are exact rewrites of the published model.
//!
//! - `names`: what each architecture calls its tensors
//! - `layers`: embeddings and encoder layers
//! - `head`: classification heads and pooling
//!
//! [`input`] names the graph's inputs; `packing` fills them.

mod head;
mod layers;
pub mod names;
mod scope;

use crate::{
    onnx::{
        builder::{Dim, OnnxBuilder, Value},
        proto::DataType,
    },
    spec::{ModelSpec, Pooling, Task},
    weights::{Tensor, WeightError, WeightIndex},
};

use self::{names::EncoderNames, scope::Scope};

/// Names of the packed graph's inputs. `T` is the number of tokens in the batch, `B` the number of
/// texts, `S` the longest text's tokens.
pub mod input {
    /// `i64[T]`: token ids of all texts, one after another.
    pub const IDS: &str = "input_ids";
    /// `i64[T]`: rows of the position table.
    pub const POSITIONS: &str = "position_ids";
    /// `i64[B, S]`: for each cell of the padded rectangle the token in it; padding cells hold any
    /// valid index, they are masked.
    pub const PAD: &str = "pad_index";
    /// `i64[T]`: for each token its cell in the padded rectangle, row by row.
    pub const UNPAD: &str = "unpad_index";
    /// `i32[B]`: tokens of each text.
    pub const LENGTHS: &str = "lengths";
    /// `i64[B]`: the first token of each text.
    pub const FIRST: &str = "first_index";
}

/// The packed graph's only output: `f32[B, classes]` logits or `f32[B, hidden]` vectors.
pub const OUTPUT: &str = "output";

/// A graph in ONNX's format and the checkpoint tensors that it refers to as external data.
pub struct PackedGraph {
    pub model: Vec<u8>,
    pub initializers: Vec<Initializer>,
    /// Columns of the output: classes of a classifier, or the hidden size.
    pub width: usize,
    /// Numbers in all tensors that the graph reads.
    pub parameters: usize,
}

/// A graph initializer and the tensor that holds its numbers.
///
/// `shape` may cover fewer rows than the tensor has: the token type table's first row is read alone.
pub struct Initializer {
    pub name: String,
    pub shape: Vec<usize>,
    pub tensor: Tensor,
}

/// The graph's inputs by value name.
struct Inputs {
    ids: Value,
    positions: Value,
    pad: Value,
    unpad: Value,
    lengths: Value,
    first: Value,
}

/// Builds the graph of `spec` over the tensors of `weights`.
///
/// # Errors
/// The first tensor that is missing or whose shape contradicts the config.
pub fn build(spec: &ModelSpec, weights: &WeightIndex) -> Result<PackedGraph, WeightError> {
    let mut scope = Scope::new(OnnxBuilder::new("chorus-packed"), weights);
    let inputs = declare_inputs(&mut scope.onnx);
    let names = EncoderNames::new(spec.architecture, weights);
    let first_token_only = spec.task != Task::Embedding(Pooling::Mean);

    let mut hidden = layers::embeddings(&mut scope, spec, &names, &inputs)?;
    for index in 0..spec.layers {
        let queries = if first_token_only && index + 1 == spec.layers {
            layers::Queries::FirstTokens
        } else {
            layers::Queries::AllTokens
        };
        hidden = layers::encoder_layer(&mut scope, spec, &names.layer(index), &inputs, &hidden, queries)?;
    }
    let (output, width) = match &spec.task {
        Task::Classification { .. } => head::classification(&mut scope, spec, &names, &hidden)?,
        Task::Embedding(Pooling::FirstToken) => (hidden, spec.hidden_size),
        Task::Embedding(Pooling::Mean) => (head::mean_pooling(&mut scope, &inputs, &hidden), spec.hidden_size),
    };
    scope.onnx.output(OUTPUT, &output, DataType::Float, &[Dim::Named("B"), Dim::Fixed(width)]);
    Ok(scope.finish(width))
}

fn declare_inputs(onnx: &mut OnnxBuilder) -> Inputs {
    let tokens = [Dim::Named("T")];
    let texts = [Dim::Named("B")];
    Inputs {
        ids: onnx.input(input::IDS, DataType::Int64, &tokens),
        positions: onnx.input(input::POSITIONS, DataType::Int64, &tokens),
        pad: onnx.input(input::PAD, DataType::Int64, &[Dim::Named("B"), Dim::Named("S")]),
        unpad: onnx.input(input::UNPAD, DataType::Int64, &tokens),
        lengths: onnx.input(input::LENGTHS, DataType::Int32, &texts),
        first: onnx.input(input::FIRST, DataType::Int64, &texts),
    }
}
