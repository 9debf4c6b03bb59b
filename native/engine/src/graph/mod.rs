//! Builds the packed ONNX graph of a checkpoint.
//!
//! Packed means: a batch is one row of tokens. Linear layers, layer norms and activations run on
//! `[tokens, hidden]`; only attention asks which tokens belong together. Where the head reads nothing but
//! the first token, the last layer computes little more than that token's attention output and
//! feed-forward block. Both are exact rewrites of the published model.
//!
//! A [`Flavour`] says for whom: `f32` in a [`Layout::Rectangle`] for any provider, `f16` or `f32` with
//! [`Layout::Offsets`] for CUDA. No shape in the latter depends on numbers that the graph computes, so a
//! CUDA graph can be captured for each size of batch.
//!
//! - `names`: what each architecture calls its tensors
//! - `layers`: embeddings and encoder layers
//! - `attention`: the flavours' difference
//! - `head`: classification heads and pooling
//!
//! [`input`] names the graph's inputs; `packing` fills them.

mod attention;
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

pub use self::{attention::Layout, scope::Element};
use self::{names::EncoderNames, scope::Scope};

/// Names of the packed graph's inputs. `T` is the number of tokens in the batch, `B` the number of
/// texts, `S` the longest text's tokens. Indexes are `i64` with [`Layout::Rectangle`], `i32` with
/// [`Layout::Offsets`].
pub mod input {
    /// `[T]`: token ids of all texts, one after another.
    pub const IDS: &str = "input_ids";
    /// `[T]`: rows of the position table.
    pub const POSITIONS: &str = "position_ids";
    /// `[B]`: the first token of each text.
    pub const FIRST: &str = "first_index";

    /// `i64[B, S]`, for a rectangle: for each of its cells the token in it; padding cells hold any valid
    /// index, they are masked.
    pub const PAD: &str = "pad_index";
    /// `i64[T]`, for a rectangle: for each token its cell in it, row by row.
    pub const UNPAD: &str = "unpad_index";
    /// `i32[B]`, for a rectangle: tokens of each text.
    pub const LENGTHS: &str = "lengths";

    /// `i32[B, S]`, for offsets: the cells of an imagined rectangle, row by row; first those that hold the
    /// tokens, in their order, then those of padding.
    pub const TOKEN_OFFSET: &str = "token_offset";
    /// `i32[B + 1]`, for offsets: the tokens before each text, and those of all.
    pub const CUMULATIVE: &str = "cumulative_sequence_length";
    /// `f32[B, T]`, for offsets and mean pooling: 1 / tokens of the text for its own tokens, 0 elsewhere.
    pub const MEAN: &str = "mean_weights";
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

/// Which of a checkpoint's graphs to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flavour {
    pub element: Element,
    pub layout: Layout,
}

/// The graph's inputs by value name.
struct Inputs {
    ids: Value,
    positions: Value,
    first: Value,
    attention: AttentionInputs,
}

enum AttentionInputs {
    Offsets { token_offset: Value, cumulative: Value, mean: Option<Value> },
    Rectangle { pad: Value, unpad: Value, lengths: Value },
}

/// Builds the graph of `spec` over the tensors of `weights`.
///
/// # Errors
/// The first tensor that is missing or whose shape contradicts the config.
pub fn build(spec: &ModelSpec, weights: &WeightIndex, flavour: Flavour) -> Result<PackedGraph, WeightError> {
    let Flavour { element, layout } = flavour;
    let mut scope = Scope::new(OnnxBuilder::new("chorus-packed"), weights, element, layout == Layout::Offsets);
    let pools = spec.task == Task::Embedding(Pooling::Mean);
    let inputs = declare_inputs(&mut scope.onnx, layout, pools);
    let names = EncoderNames::new(spec.architecture, weights);

    let mut hidden = layers::embeddings(&mut scope, spec, &names, &inputs)?;
    for index in 0..spec.layers {
        let queries =
            if !pools && index + 1 == spec.layers { layers::Queries::FirstTokens } else { layers::Queries::AllTokens };
        hidden = layers::encoder_layer(&mut scope, spec, &names.layer(index), &inputs, &hidden, queries)?;
    }
    // A head's few rows cost nothing in single precision.
    let hidden = scope.continue_in_f32(&hidden);
    let (output, width) = match &spec.task {
        Task::Classification { .. } => head::classification(&mut scope, spec, &names, &hidden)?,
        Task::Embedding(Pooling::FirstToken) => (hidden, spec.hidden_size),
        Task::Embedding(Pooling::Mean) => (head::mean_pooling(&mut scope, &inputs, &hidden), spec.hidden_size),
    };
    scope.onnx.output(OUTPUT, &output, DataType::Float, &[Dim::Named("B"), Dim::Fixed(width)]);
    Ok(scope.finish(width))
}

fn declare_inputs(onnx: &mut OnnxBuilder, layout: Layout, pools: bool) -> Inputs {
    let tokens = [Dim::Named("T")];
    let texts = [Dim::Named("B")];
    let rectangle = [Dim::Named("B"), Dim::Named("S")];
    let index = match layout {
        Layout::Offsets => DataType::Int32,
        Layout::Rectangle => DataType::Int64,
    };
    Inputs {
        ids: onnx.input(input::IDS, index, &tokens),
        positions: onnx.input(input::POSITIONS, index, &tokens),
        first: onnx.input(input::FIRST, index, &texts),
        attention: match layout {
            Layout::Offsets => AttentionInputs::Offsets {
                token_offset: onnx.input(input::TOKEN_OFFSET, DataType::Int32, &rectangle),
                cumulative: onnx.input(input::CUMULATIVE, DataType::Int32, &[Dim::Named("B + 1")]),
                mean: pools.then(|| onnx.input(input::MEAN, DataType::Float, &[Dim::Named("B"), Dim::Named("T")])),
            },
            Layout::Rectangle => AttentionInputs::Rectangle {
                pad: onnx.input(input::PAD, DataType::Int64, &rectangle),
                unpad: onnx.input(input::UNPAD, DataType::Int64, &tokens),
                lengths: onnx.input(input::LENGTHS, DataType::Int32, &texts),
            },
        },
    }
}
