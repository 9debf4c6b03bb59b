//! A base-size encoder made of the operators, with a clock between its parts.

use std::time::{Duration, Instant};

use chorus_kernels::{
    Activation, Attention, AttentionScratch, Format, Inputs, LayerNorm, Linear, Matrix, MatrixMut, Shape,
};

use crate::common::noise;

const LAYERS: usize = 12;
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
    "conversion of inputs",
    "residual, layer norm",
];

/// The time of every part.
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
    attention: Attention,
    scratch: AttentionScratch,
    buffer: F::Buffer,
}

impl<F: Format> Encoder<F> {
    pub fn new() -> Self {
        let linear = |outputs, inputs, activation| {
            let weights: Vec<f32> = noise(outputs * inputs).iter().map(|weight| weight / 16.0).collect();
            Linear::pack(&weights, Some(&noise(outputs)), Shape { outputs, inputs }, activation)
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
            attention: Attention::of_format::<F>(HEADS, HIDDEN / HEADS),
            scratch: AttentionScratch::new(),
            buffer: F::Buffer::default(),
        }
    }

    /// Runs a batch of texts, whose first tokens and end are `offsets`, through all layers; returns the times of
    /// the parts.
    pub fn run(&mut self, offsets: &[usize]) -> Times {
        let tokens = offsets[offsets.len() - 1];
        let mut times = Times::default();
        let mut hidden = noise(tokens * HIDDEN);
        let [mut context, mut narrow, mut attended] = [(); 3].map(|()| vec![0.0; tokens * HIDDEN]);
        let (mut projected, mut wide) = (vec![0.0; tokens * 3 * HIDDEN], vec![0.0; tokens * WIDE]);
        let Self { layers, attention, scratch, buffer } = self;
        for layer in layers {
            multiply(&layer.query_key_value, buffer, &hidden, &mut projected, 0, &mut times);
            let part =
                |part: usize| Matrix::new(&projected, 3 * HIDDEN).with_columns(part * HIDDEN..(part + 1) * HIDDEN);
            let inputs = Inputs {
                queries: part(0),
                keys: part(1),
                values: part(2),
                query_offsets: offsets,
                key_offsets: offsets,
            };
            timed(&mut times[ATTENTION], || attention.run(&inputs, scratch, MatrixMut::new(&mut context, HIDDEN)));
            multiply(&layer.attention_output, buffer, &context, &mut narrow, 2, &mut times);
            timed(&mut times[NORM], || layer.norm.run(&narrow, Some(&hidden), MatrixMut::new(&mut attended, HIDDEN)));
            multiply(&layer.intermediate, buffer, &attended, &mut wide, 3, &mut times);
            multiply(&layer.output, buffer, &wide, &mut narrow, 4, &mut times);
            timed(&mut times[NORM], || layer.norm.run(&narrow, Some(&attended), MatrixMut::new(&mut hidden, HIDDEN)));
        }
        times
    }
}

/// `output = operator(input)`; what is not spent in the operator is the conversion of its input.
fn multiply<F: Format>(
    operator: &Linear<F>,
    buffer: &mut F::Buffer,
    input: &[f32],
    output: &mut [f32],
    part: usize,
    times: &mut Times,
) {
    let (start, shape, mut multiplying) = (Instant::now(), operator.shape(), Duration::ZERO);
    F::with_rows(buffer, input, shape.inputs, |rows| {
        timed(&mut multiplying, || operator.run(rows, MatrixMut::new(output, shape.outputs)));
    });
    times[part] += multiplying;
    times[CONVERSION] += start.elapsed().saturating_sub(multiplying);
}

fn timed(time: &mut Duration, run: impl FnOnce()) {
    let start = Instant::now();
    run();
    *time += start.elapsed();
}
