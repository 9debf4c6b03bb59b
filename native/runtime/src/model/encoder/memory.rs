//! What an encoder is going to take, by the shapes that `layer` and `head` pack and the rows that [`Workspace`] keeps.
//!
//! [`Workspace`]: super::layer::Workspace

use chorus_core::{
    spec::{ModelSpec, Task},
    weights::Dtype,
};
use chorus_kernels::{AttentionScratch, Bf16, F32, F32Linear, Format, Linear, Q8, Rows, Shape};

use crate::{memory::ModelFootprint, model::Precision};

/// For batches of up to `tokens` tokens on each of `lanes` lanes.
pub fn memory(spec: &ModelSpec, precision: Precision, tokens: usize, lanes: usize) -> ModelFootprint {
    match precision {
        // Half precision is refused by the CPU that does not have it.
        Precision::Exact | Precision::Fp16 => memory_as::<F32>(spec, tokens, lanes),
        Precision::Bf16 => memory_as::<Bf16>(spec, tokens, lanes),
        Precision::Int8 => memory_as::<Q8>(spec, tokens, lanes),
    }
}

fn memory_as<F: Format>(spec: &ModelSpec, tokens: usize, lanes: usize) -> ModelFootprint {
    let (size, wide) = (spec.hidden_size, spec.intermediate_size);
    // Query, key and value, whether as one operator or as two.
    let layer = [(3 * size, size), (size, size), (wide, size), (size, wide)];
    let layer: usize = layer.map(|(outputs, inputs)| Linear::<F>::bytes(Shape { outputs, inputs })).iter().sum();
    ModelFootprint {
        weights: spec.layers * layer + head_bytes(spec),
        buffers: lanes * workspace_bytes::<F>(spec, tokens, lanes),
        packing: packing_bytes(spec),
        mapped: (spec.vocab_size + spec.position_rows) * size * Dtype::F32.size(),
    }
}

fn head_bytes(spec: &ModelSpec) -> usize {
    let Task::Classification { labels, .. } = &spec.task else { return 0 };
    let linear = |outputs| F32Linear::bytes(Shape { outputs, inputs: spec.hidden_size });
    linear(spec.hidden_size) + linear(labels.len().max(1))
}

/// A batch's rows in every stage of a layer, and attention's on each of `threads`, which share its heads.
fn workspace_bytes<F: Format>(spec: &ModelSpec, tokens: usize, threads: usize) -> usize {
    let size = spec.hidden_size;
    // `hidden`, `residual`, `context` and `attended`, then `wide`.
    let own = 4 * Rows::<F>::bytes(tokens, size) + Rows::<F>::bytes(tokens, spec.intermediate_size);
    // `sums` and `narrow`.
    let single = 2 * Rows::<F32>::bytes(tokens, size);
    let projected = Rows::<F::Attended>::bytes(tokens, 3 * size);
    let heads = spec.attention_heads;
    own + single + projected + threads.min(heads) * AttentionScratch::bytes(tokens, size / heads)
}

/// The numbers of one operator: query, key and value are joined, and what is not stored in single precision is widened.
fn packing_bytes(spec: &ModelSpec) -> usize {
    let joined = 2 * 3 * spec.hidden_size * spec.hidden_size;
    joined.max(spec.hidden_size * spec.intermediate_size) * Dtype::F32.size()
}
