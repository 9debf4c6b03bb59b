//! scikit-learn pipelines as ONNX files through the whole engine, against what scikit-learn answers
//! (native/fixtures/text, written by `bench/parity/text_fixtures.py`).

#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod common;

use std::{collections::HashMap, fs, path::Path};

use chorus_runtime::{engine::EngineConfig, model::ModelConfig};
use serde::Deserialize;

use crate::common::{Loaded, config, fixture, start};

/// As scikit-learn computes in double precision and ONNX Runtime in single.
const TOLERANCE: f32 = 1e-5;

#[derive(Deserialize)]
struct Expected {
    texts: Vec<String>,
    models: HashMap<String, ModelAnswers>,
}

#[derive(Deserialize)]
struct ModelAnswers {
    classes: Vec<String>,
    probabilities: bool,
    /// Indices into the texts; the next two are by these.
    texts: Vec<usize>,
    labels: Vec<String>,
    scores: Vec<Vec<f32>>,
}

fn expected() -> Expected {
    serde_json::from_slice(&fs::read(fixture("text/expected.json")).unwrap()).unwrap()
}

fn configured(name: &str) -> EngineConfig {
    config(vec![ModelConfig::new(name, fixture("text").join(format!("{name}.onnx")))])
}

/// Of each text its scores, and the class that is decided for.
fn answers(loaded: &Loaded, texts: &[String]) -> Vec<(Vec<f32>, usize)> {
    let width = loaded.engine.dispatcher.models()[0].info.width;
    let answer = loaded.try_infer(texts, 0).unwrap();
    let row = |row: &[f32]| (row[..width - 1].to_vec(), row[width - 1] as usize);
    answer.numbers.chunks_exact(width).map(row).collect()
}

#[test]
fn every_pipeline_answers_as_scikit_learn_does_alone_and_in_a_batch() {
    let Expected { texts, models } = expected();
    assert!(models.len() >= 15, "{} models", models.len());
    let mut problems = Vec::new();
    for (name, expected) in &models {
        let loaded = start(&configured(name)).unwrap();
        let model = &loaded.engine.dispatcher.models()[0];
        assert_eq!(model.info.labels, expected.classes, "{name}");
        assert_eq!(model.head.gives_probabilities(), expected.probabilities, "{name}");
        let asked: Vec<String> = expected.texts.iter().map(|&text| texts[text].clone()).collect();
        let together = answers(&loaded, &asked);
        for (at, text) in asked.iter().enumerate() {
            let alone = answers(&loaded, std::slice::from_ref(text)).remove(0);
            let shown = format!("{name}: text {}", expected.texts[at]);
            if alone != together[at] {
                problems.push(format!("{shown}: alone {alone:?}, in a batch {:?}", together[at]));
            }
            let (scores, predicted) = alone;
            let distance = scores.iter().zip(&expected.scores[at]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            if expected.classes[predicted] != expected.labels[at] || distance > TOLERANCE {
                problems.push(format!(
                    "{shown}: {} {scores:?}, expected {} {:?}",
                    expected.classes[predicted], expected.labels[at], expected.scores[at]
                ));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Case pairs that Unicode got since the version of `lower.json`, at most.
const MOST_NEWER: usize = 60;

#[test]
fn texts_are_made_lower_case_as_python_does_it() {
    #[derive(Deserialize)]
    struct Lower {
        lower: HashMap<String, String>,
    }
    let Lower { lower } = serde_json::from_slice(&fs::read(fixture("text/lower.json")).unwrap()).unwrap();
    let wrong: Vec<_> = lower.iter().filter(|(text, lower)| text.to_lowercase() != **lower).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let others = ('\0'..=char::MAX).filter(|letter| !lower.contains_key(&letter.to_string()));
    let newer: Vec<_> = others.filter(|letter| letter.to_string().to_lowercase() != letter.to_string()).collect();
    assert!(lower.len() > 1400 && newer.len() <= MOST_NEWER, "{} known, newer: {newer:?}", lower.len());
}

#[test]
fn what_the_profile_names_as_a_graph_is_told_from_one_before_anything_beside_it_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| {
        start(&config(vec![ModelConfig::new("m", path.to_owned())])).err().expect("a refusal").to_string()
    };
    let path = folder.path().join("model.onnx");
    fs::write(&path, b"").unwrap();
    assert!(message(&path).contains("model.onnx: expected an ONNX graph, found an empty file"), "{}", message(&path));
    // A field of a model that is no graph: its version, 8.
    fs::write(&path, [8, 8]).unwrap();
    assert!(message(&path).contains("model.onnx: expected an ONNX graph, found none in it"), "{}", message(&path));
    // ModelProto.graph.input: the tensor `x` of floats (type 1), `[?, 3]`.
    let shape = [&[0x12, 6, 0x0a, 0, 0x0a, 2, 8, 3][..]].concat();
    let tensor = [&[0x0a, 2 + shape.len() as u8, 8, 1][..], &shape].concat();
    let input = [&[0x0a, 1, b'x', 0x12, tensor.len() as u8][..], &tensor].concat();
    let graph = [&[0x5a, input.len() as u8][..], &input].concat();
    fs::write(&path, [&[0x3a, graph.len() as u8][..], &graph].concat()).unwrap();
    let expected = "model.onnx: expected an input of strings, or input_ids and attention_mask, found x float [?, 3]";
    assert!(message(&path).contains(expected), "{}", message(&path));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(message(&path).contains("model.onnx: expected an ONNX graph, found a folder"), "{}", message(&path));
}
