//! Writes a checkpoint's graph for CUDA and batches for it, for whoever wants to look at them or to run them
//! elsewhere (`bench/gpu/check_graph.py`).
//!
//! `cargo run -p chorus-runtime --example cuda_graph -- <checkpoint> <texts.json> <fp16|exact> <out>`
//!
//! `texts.json` is a list of lists of token ids. `<out>/model.onnx` refers to the checkpoint's files as external
//! data. `<out>/batches.json` holds all texts as one batch of their own size, and as one filled up to the size
//! that a CUDA graph would be captured for: each a map from input to shape and numbers.

use std::{collections::HashMap, error::Error, fs, path::Path};

use chorus_engine::{
    graph::{self, Element, Flavour, Layout, input},
    packing::{BatchShape, OffsetBatch, PositionRule},
    spec::{ModelSpec, Pooling, Task},
};
use chorus_runtime::checkpoint::{WeightFiles, read_json};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [checkpoint, texts, precision, out] = arguments.as_slice() else {
        return Err("usage: cuda_graph <checkpoint> <texts.json> <fp16|exact> <out>".into());
    };
    let element = match precision.as_str() {
        "exact" => Element::F32,
        "fp16" => Element::F16,
        other => return Err(format!("the precision must be fp16 or exact, not {other}").into()),
    };
    let (checkpoint, out) = (Path::new(checkpoint), Path::new(out));
    let spec = spec(checkpoint)?;
    let weights = WeightFiles::open(checkpoint)?;
    let graph = graph::build(&spec, &weights.index, Flavour { element, layout: Layout::Offsets })?;
    fs::write(out.join("model.onnx"), graph.model)?;

    let texts: Vec<Vec<u32>> = serde_json::from_str(&fs::read_to_string(texts)?)?;
    let views: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let own = BatchShape::of(&views);
    let pools = spec.task == Task::Embedding(Pooling::Mean);
    let batches: HashMap<_, _> = [("own", own), ("filled", own.bucket())]
        .map(|(name, shape)| (name, inputs(&OffsetBatch::new(&views, PositionRule::of(&spec), shape), pools)))
        .into();
    fs::write(out.join("batches.json"), serde_json::to_vec(&batches)?)?;
    Ok(())
}

/// A classifier's, or that of a bare encoder with mean pooling.
fn spec(checkpoint: &Path) -> Result<ModelSpec, Box<dyn Error>> {
    let config = read_json(&checkpoint.join("config.json"))?;
    let spec = ModelSpec::from_config(&config, None).or_else(|_| ModelSpec::from_config(&config, Some(Pooling::Mean)));
    Ok(spec?)
}

fn inputs(batch: &OffsetBatch, pools: bool) -> Value {
    let BatchShape { tokens, rows, longest } = batch.shape;
    let input = |shape: &[usize], numbers: &[i32]| json!({ "shape": shape, "numbers": numbers });
    let mut inputs = json!({
        input::IDS: input(&[tokens], &batch.ids),
        input::POSITIONS: input(&[tokens], &batch.positions),
        input::FIRST: input(&[rows], &batch.first),
        input::TOKEN_OFFSET: input(&[rows, longest], &batch.token_offset),
        input::CUMULATIVE: input(&[rows + 1], &batch.cumulative),
    });
    if pools {
        inputs[input::MEAN] = json!({ "shape": [rows, tokens], "numbers": batch.mean_weights() });
    }
    inputs
}
