//! What a profile is said to take.

#![allow(clippy::unwrap_used, reason = "a failure is a panic")]

mod common;

use std::fs;

use chorus_runtime::{
    engine::EngineConfig,
    memory::{Footprint, footprint},
    model::Precision,
};
use common::{config, fixture, model, project};

fn of(models: &[&str], change: impl FnOnce(&mut EngineConfig)) -> Footprint {
    let mut config = config(models.iter().map(|name| model(name, fixture(name))).collect());
    change(&mut config);
    footprint(&config).unwrap()
}

#[test]
fn a_lane_costs_buffers_and_a_model_everything() {
    let one = of(&["bert"], |_| ());
    let more_lanes = of(&["bert"], |config| config.lanes = Some(4));
    assert_eq!((one.lanes, more_lanes.lanes), (2, 4));
    assert_eq!(one.models[0].weights, more_lanes.models[0].weights);
    assert!(more_lanes.models[0].buffers >= 2 * one.models[0].buffers);

    let two = of(&["bert", "distilbert"], |_| ());
    assert_eq!(two.models[0], one.models[0]);
    assert!(two.models[1].weights > 0 && two.tokenizers > one.tokenizers);
}

#[test]
fn a_tokenizer_of_the_same_files_costs_once() {
    assert_eq!(of(&["bert"], |_| ()).tokenizers, of(&["bert", "bert"], |_| ()).tokenizers);
}

#[test]
fn fewer_bits_take_less() {
    let starter = project().join("models/starter/cardiffnlp");
    let [exact, bf16, int8] = [Precision::Exact, Precision::Bf16, Precision::Int8].map(|precision| {
        let mut config = config(vec![model("cardiffnlp", starter.clone())]);
        config.precision = precision;
        footprint(&config).unwrap().models[0].weights
    });
    assert!(exact > bf16 && bf16 > int8, "{exact}, {bf16}, {int8}");
}

#[test]
fn a_graph_costs_a_multiple_of_its_files() {
    let folder = fixture("fuzz/F24/onnx");
    let bytes = ["model.onnx", "model.onnx_data"].map(|file| fs::metadata(folder.join(file)).unwrap().len() as usize);
    assert_eq!(of(&["fuzz/F24"], |_| ()).models[0].weights, 3 * bytes.iter().sum::<usize>());
}
