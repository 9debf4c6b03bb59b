//! The kernels on the shapes of a base-size encoder.

use std::{hint::black_box, time::Instant};

use chorus_kernels::{
    Activation, Attention, AttentionScratch, Bf16Linear, F32, F32Linear, Inputs, LayerNorm, Matrix, MatrixMut,
    Q8Linear, Rows, Shape, WeightMemory,
};

use crate::{
    common::noise,
    peaks::{self, Peak},
};

/// One kernel at one size.
pub struct Measurement {
    pub precision: &'static str,
    pub shape: Shape,
    pub rows: usize,
    pub activation: Activation,
    /// Best rate, in billions of operations per second; a multiply and an add are two.
    pub rate: f64,
    /// Of the peak measured in the same rounds, if there is one.
    pub fraction: Option<f64>,
}

/// Attention over several texts of the same length, 12 heads of 64.
pub struct AttentionMeasurement {
    pub tokens_per_text: usize,
    pub rate: f64,
    pub fraction: Option<f64>,
}

/// Seconds to pack the linear operators of one base-size encoder: 85 million weights.
pub struct Packing {
    pub q8: f64,
    pub bf16: f64,
    pub f32: f64,
}

/// Feed-forward in and out, attention output, and fused query, key and value.
const SHAPES: [(Shape, Activation); 5] = [
    (Shape { outputs: 768, inputs: 768 }, Activation::Identity),
    (Shape { outputs: 2304, inputs: 768 }, Activation::Identity),
    (Shape { outputs: 3072, inputs: 768 }, Activation::Identity),
    (Shape { outputs: 3072, inputs: 768 }, Activation::Gelu),
    (Shape { outputs: 768, inputs: 3072 }, Activation::Identity),
];

const ROWS: [usize; 6] = [1, 16, 64, 98, 512, 2048];

/// 12 layers of four 768×768 and two 768×3072 operators.
const ENCODER_WEIGHTS: usize = 12 * 12 * 768 * 768;

pub fn measure(rounds: usize) -> Vec<Measurement> {
    let mut measurements = Vec::new();
    for (shape, activation) in SHAPES {
        let weights = noise(shape.outputs * shape.inputs);
        let bias = noise(shape.outputs);
        let q8 = Q8Linear::pack(&WeightMemory::default(), &weights, Some(&bias), shape, activation);
        let bf16 = Bf16Linear::pack(&WeightMemory::default(), &weights, Some(&bias), shape, activation);
        let f32 = F32Linear::pack(&WeightMemory::default(), &weights, Some(&bias), shape, activation);
        let (mut quantized, mut rounded, mut plain) = (Rows::new(), Rows::new(), Rows::new());
        for rows in ROWS {
            let x = noise(rows * shape.inputs);
            let mut y = vec![0.0; rows * shape.outputs];
            let mut add = |precision, peak, run: &mut dyn FnMut(MatrixMut<'_>)| {
                let operations = 2.0 * (rows * shape.inputs * shape.outputs) as f64;
                let rounds = if rows > 128 { rounds.div_ceil(3) } else { rounds };
                let (rate, fraction) = compare(peak, rounds, operations, || run(MatrixMut::new(&mut y, shape.outputs)));
                measurements.push(Measurement { precision, shape, rows, activation, rate, fraction });
            };
            add("q8", peaks::q8(), &mut |y| {
                quantized.convert(&x, shape.inputs);
                q8.run(&quantized, y);
            });
            if Bf16Linear::is_available() {
                add("bf16", peaks::bf16(), &mut |y| {
                    rounded.convert(&x, shape.inputs);
                    bf16.run(&rounded, y);
                });
            }
            plain.convert(&x, shape.inputs);
            add("f32", peaks::f32(), &mut |y| f32.run(&plain, y));
        }
    }
    measurements
}

pub fn attention(rounds: usize) -> Vec<AttentionMeasurement> {
    const WIDTH: usize = 768;
    let (attention, mut scratch) = (Attention::new(12, 64), AttentionScratch::new());
    let mut measure = |tokens_per_text: usize| {
        let texts = 512 / tokens_per_text;
        let offsets: Vec<usize> = (0..=texts).map(|text| text * tokens_per_text).collect();
        let fused = noise(texts * tokens_per_text * 3 * WIDTH);
        let part = |part: usize| Matrix::new(&fused, 3 * WIDTH).with_columns(part * WIDTH..(part + 1) * WIDTH);
        let inputs =
            Inputs { queries: part(0), keys: part(1), values: part(2), query_offsets: &offsets, key_offsets: &offsets };
        let mut y = vec![0.0; texts * tokens_per_text * WIDTH];
        let operations = 4.0 * (texts * tokens_per_text * tokens_per_text * WIDTH) as f64;
        let run = || attention.run(&inputs, &mut scratch, MatrixMut::new(&mut y, WIDTH));
        let (rate, fraction) = compare(peaks::f32(), rounds, operations, run);
        AttentionMeasurement { tokens_per_text, rate, fraction }
    };
    [16, 32, 98, 128, 512].map(&mut measure).into()
}

/// Nanoseconds for a row of 768 values with a residual.
pub fn layer_norm(rounds: usize) -> f64 {
    let (rows, width) = (98, 768);
    let (x, residual, mut y) = (noise(rows * width), noise(rows * width), Rows::<F32>::new());
    let norm = LayerNorm::new(noise(width), noise(width), 1e-5);
    let [x, residual] = [&x, &residual].map(|values| Matrix::new(values, width));
    let mut run = || norm.run(x, Some(residual), y.rows_mut(rows, width));
    (0..10 * rounds).map(|_| seconds(&mut run)).fold(f64::MAX, f64::min) * 1e9 / rows as f64
}

pub fn packing(rounds: usize) -> Packing {
    let shape = Shape { outputs: 3072, inputs: 768 };
    let weights = noise(shape.outputs * shape.inputs);
    let seconds = |pack: &dyn Fn()| {
        let best = (0..rounds).map(|_| seconds(pack)).fold(f64::MAX, f64::min);
        best * ENCODER_WEIGHTS as f64 / weights.len() as f64
    };
    Packing {
        q8: seconds(&|| {
            drop(black_box(Q8Linear::pack(&WeightMemory::default(), &weights, None, shape, Activation::Identity)));
        }),
        bf16: seconds(&|| {
            drop(black_box(Bf16Linear::pack(&WeightMemory::default(), &weights, None, shape, Activation::Identity)));
        }),
        f32: seconds(&|| {
            drop(black_box(F32Linear::pack(&WeightMemory::default(), &weights, None, shape, Activation::Identity)));
        }),
    }
}

/// Runs the peak and the kernel in turns. Returns the best rate, and its ratio to the best peak.
fn compare(peak: Option<Peak>, rounds: usize, operations: f64, mut run: impl FnMut()) -> (f64, Option<f64>) {
    // Short calls are repeated, so that a round lasts at least 50 million operations.
    let repeats = (5e7 / operations).ceil().max(1.0);
    let (mut best, mut best_peak) = (0.0_f64, 0.0_f64);
    run();
    for _ in 0..rounds {
        let time = seconds(|| (0..repeats as usize).for_each(|_| run()));
        best = best.max(operations * repeats / time / 1e9);
        best_peak = best_peak.max(peak.map_or(0.0, peaks::rate));
    }
    (best, peak.map(|_| best / best_peak))
}

fn seconds(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_secs_f64()
}
