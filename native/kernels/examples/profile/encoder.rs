//! A base-size encoder made of the operators, with a clock between its parts.

use std::time::{Duration, Instant};

use chorus_kernels::{
    Activation, Attention, AttentionScratch, Element, F32, Format, Inputs, LayerNorm, Linear, MatrixMut, Rows, Shape,
    WeightMemory,
};

use crate::common::noise;

pub const LAYERS: usize = 12;
const HEADS: usize = 12;
const HIDDEN: usize = 768;
const WIDE: usize = 3072;

/// What the time of a text is divided into.
pub const PARTS: [&str; 7] = [
    "query, key, value",
    "attention",
    "attention output",
    "feed-forward in, GELU",
    "feed-forward out",
    "quantization",
    "residual, layer norm",
];

/// The time of every part of a layer.
pub type Times = [Duration; PARTS.len()];

/// Multiplications and additions of the parts, for one token; attention's depend on its text's length.
pub const OPERATIONS: [usize; 7] = [
    2 * LAYERS * HIDDEN * 3 * HIDDEN,
    0,
    2 * LAYERS * HIDDEN * HIDDEN,
    2 * LAYERS * HIDDEN * WIDE,
    2 * LAYERS * HIDDEN * WIDE,
    0,
    0,
];

/// Attention's, for a token and a key.
pub const ATTENTION_OPERATIONS: usize = 4 * LAYERS * HIDDEN;

/// Indices of parts.
pub const ATTENTION: usize = 1;
const CONVERSION: usize = 5;
const NORM: usize = 6;

struct Layer<F: Format> {
    query_key_value: Linear<F>,
    attention_output: Linear<F>,
    intermediate: Linear<F>,
    output: Linear<F>,
    norm: LayerNorm,
}

/// Twelve layers, every one with weights of its own: they do not fit in a cache, as a model's do not.
pub struct Encoder<F: Format> {
    layers: Vec<Layer<F>>,
    attention: Attention<<F::Attended as Format>::Written>,
    scratch: AttentionScratch,
    work: Workspace<F>,
}

/// Memory that is kept, as a server keeps it.
#[derive(Default)]
struct Workspace<F: Format> {
    hidden: Rows<F>,
    projected: Rows<F::Attended>,
    context: Rows<F>,
    narrow: Rows<F32>,
    attended: Rows<F>,
    wide: Rows<F>,
}

impl<F: Format> Encoder<F> {
    pub fn new() -> Self {
        let memory = WeightMemory::default();
        let linear = |outputs, inputs, activation| {
            let weights: Vec<f32> = noise(outputs * inputs).iter().map(|weight| weight / 16.0).collect();
            Linear::pack(&memory, &weights, Some(&noise(outputs)), Shape { outputs, inputs }, activation)
        };
        let layer = |_| Layer {
            query_key_value: linear(3 * HIDDEN, HIDDEN, Activation::Identity),
            attention_output: linear(HIDDEN, HIDDEN, Activation::Identity),
            intermediate: linear(WIDE, HIDDEN, Activation::Gelu),
            output: linear(HIDDEN, WIDE, Activation::Identity),
            norm: LayerNorm::new(noise(HIDDEN), noise(HIDDEN), 1e-5),
        };
        Self {
            layers: (0..LAYERS).map(layer).collect(),
            attention: Attention::new(HEADS, HIDDEN / HEADS),
            scratch: AttentionScratch::new(),
            work: Workspace::default(),
        }
    }

    /// Runs a batch of texts, whose first tokens and end are `offsets`, through all layers; returns their times.
    pub fn run(&mut self, offsets: &[usize]) -> [Times; LAYERS] {
        let tokens = offsets[offsets.len() - 1];
        let mut all_times = [Times::default(); LAYERS];
        let Self { layers, attention, scratch, work } = self;
        let Workspace { hidden, projected, context, narrow, attended, wide } = work;
        let mut rows = hidden.rows_mut(tokens, HIDDEN);
        for (row, values) in noise(tokens * HIDDEN).chunks_exact(HIDDEN).enumerate() {
            rows.row_mut(row).copy_from_slice(values);
        }
        rows.convert_all();
        for (layer, times) in layers.iter().zip(&mut all_times) {
            multiply(&layer.query_key_value, hidden, projected.target(tokens, 3 * HIDDEN), 0, times);
            let part = |part: usize| projected.matrix().with_columns(part * HIDDEN..(part + 1) * HIDDEN);
            let inputs = Inputs {
                queries: part(0),
                keys: part(1),
                values: part(2),
                query_offsets: offsets,
                key_offsets: offsets,
            };
            let target = context.target(tokens, HIDDEN);
            timed(&mut times[ATTENTION], || attention.run(&inputs, scratch, target));
            convert(context, times);
            multiply(&layer.attention_output, context, narrow.target(tokens, HIDDEN), 2, times);
            normalize(&layer.norm, narrow, hidden, attended, times);
            multiply(&layer.intermediate, attended, wide.target(tokens, WIDE), 3, times);
            convert(wide, times);
            multiply(&layer.output, wide, narrow.target(tokens, HIDDEN), 4, times);
            normalize(&layer.norm, narrow, attended, hidden, times);
        }
        all_times
    }
}

fn multiply<F: Format, E: Element>(
    operator: &Linear<F>,
    input: &Rows<F>,
    output: MatrixMut<'_, E>,
    part: usize,
    times: &mut Times,
) {
    timed(&mut times[part], || operator.run(input, output));
}

fn convert<F: Format>(rows: &mut Rows<F>, times: &mut Times) {
    let convert = || rows.unconverted(1).into_iter().for_each(|(_, mut rows)| rows.convert_all());
    timed(&mut times[CONVERSION], convert);
}

/// The residual and the norm, which converts what it writes.
fn normalize<F: Format>(
    norm: &LayerNorm,
    input: &Rows<F32>,
    residual: &Rows<F>,
    output: &mut Rows<F>,
    times: &mut Times,
) {
    let output = output.rows_mut(input.rows(), HIDDEN);
    timed(&mut times[NORM], || norm.run(input.matrix(), Some(residual.values()), output));
}

fn timed(time: &mut Duration, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    *time += start.elapsed();
}
