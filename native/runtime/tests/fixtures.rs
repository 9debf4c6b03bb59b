//! Tiny checkpoints of every architecture through the whole engine, against what Hugging Face
//! transformers answers (native/fixtures, written by bench/parity/fixtures.py).

#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod common;

use std::{
    collections::HashMap,
    fs,
    io::{self, Write as _},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use chorus_kernels::Bf16Linear;
use chorus_runtime::{
    checkpoint::LockedFile,
    engine::{Device, EngineConfig},
    error::LoadError,
    model::{Batch, ModelConfig, Precision, ThreadShare},
};
use serde_json::Value;

use crate::common::{Numbers, config, copy_of, edit, fixture, model, start};

/// Against the oracle: float rounding in another order of summation.
const ORACLE_TOLERANCE: f32 = 1e-5;
/// Alone against in a batch.
const BATCH_TOLERANCE: f32 = 1e-6;

const FIXTURES: [&str; 6] = ["bert", "bert-mean", "distilbert", "onnx", "roberta", "xlm-roberta"];

fn expected_cases(name: &str) -> Vec<Value> {
    let expected = fs::read(fixture(name).join("expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    expected["cases"].as_array().unwrap().clone()
}

fn expected_numbers(case: &Value) -> Numbers {
    let number = |value: &Value| value.as_f64().unwrap() as f32;
    let mut numbers: Vec<_> = match (case.get("scores"), case.get("vector")) {
        (Some(scores), _) => scores.as_object().unwrap().iter().map(|(k, v)| (k.clone(), number(v))).collect(),
        (_, Some(vector)) => {
            vector.as_array().unwrap().iter().enumerate().map(|(i, x)| (format!("{i:04}"), number(x))).collect()
        }
        _ => panic!("a case has scores or a vector"),
    };
    numbers.sort_by(|a, b| a.0.cmp(&b.0));
    numbers
}

fn assert_close(found: &[(String, f32)], expected: &[(String, f32)], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for ((label, found), (expected_label, expected)) in found.iter().zip(expected) {
        assert_eq!(label, expected_label, "{what}");
        assert!((found - expected).abs() <= tolerance, "{what}: {label}: found {found}, expected {expected}");
    }
}

#[test]
fn a_pickled_checkpoint_is_stored_as_safetensors_and_answers_as_transformers_does() {
    for name in ["roberta", "xlm-roberta"] {
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(fixture(name)).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_none_or(|extension| extension != "safetensors") {
                fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
            }
        }
        let loaded = start(&config(vec![model(name, copy.path().to_owned())])).unwrap();
        for case in expected_cases(name) {
            let text = case["text"].as_str().unwrap().to_owned();
            let answer = loaded.infer(&[text], 0).remove(0);
            assert_close(&answer, &expected_numbers(&case), ORACLE_TOLERANCE, name);
        }
        assert!(copy.path().join("model.safetensors").is_file());
    }
}

#[test]
fn a_file_that_differs_from_the_lock_is_refused_before_it_is_loaded() {
    let path = fixture("bert").join("model.safetensors");
    let locked = LockedFile { bytes: path.metadata().unwrap().len(), sha256: "0".repeat(64), path };
    let error = start(&config(vec![ModelConfig { locked: vec![locked], ..model("bert", fixture("bert")) }]));
    let message = error.err().unwrap().to_string();
    assert!(message.contains("model.safetensors: expected the sha256 000"), "{message}");
}

/// The answers of a configuration's fixtures to their cases, alone and all together.
fn answers(config: &EngineConfig) -> Vec<(String, Value, Numbers, Numbers)> {
    let loaded = start(config).unwrap();
    let mut answers = Vec::new();
    for (index, ModelConfig { name, .. }) in config.models.iter().enumerate() {
        let cases = expected_cases(name);
        let texts: Vec<String> = cases.iter().map(|case| case["text"].as_str().unwrap().to_owned()).collect();
        let together = loaded.infer(&texts, index);
        for ((case, text), batched) in cases.into_iter().zip(texts).zip(together) {
            let what = format!("{name}: {text:?}");
            let alone = loaded.infer(&[text], index).remove(0);
            answers.push((what, case, alone, batched));
        }
    }
    answers
}

fn all_fixtures() -> EngineConfig {
    config(FIXTURES.iter().map(|&name| model(name, fixture(name))).collect())
}

#[test]
fn every_architecture_answers_as_transformers_does_alone_and_in_any_batch() {
    check(&all_fixtures(), ORACLE_TOLERANCE);
}

#[test]
fn a_gpu_answers_as_transformers_does_alone_and_in_any_batch() {
    if let Err(error) = chorus_cuda::Device::open(0) {
        skipped(&format!("a GPU: {error}"));
        return;
    }
    // The vectors of `bert-mean` are not scores: their errors have another scale.
    let scores = FIXTURES.into_iter().filter(|&name| name != "bert-mean" && name != "onnx");
    let models: Vec<_> = scores.map(|name| model(name, fixture(name))).collect();
    for (precision, tolerance) in [(Precision::Exact, ORACLE_TOLERANCE), (Precision::Fp16, 0.02)] {
        check(&EngineConfig { device: Device::Cuda, precision, ..config(models.clone()) }, tolerance);
    }
}

/// Tells whoever runs the tests; what `eprintln!` prints is shown for failed ones only.
fn skipped(what: &str) {
    io::stderr().write_all(format!("SKIPPED: {what}\n").as_bytes()).unwrap();
}

/// Every text is answered as expected, and in a batch as alone: bit for bit by Chorus's own operators.
fn check(config: &EngineConfig, tolerance: f32) {
    for (what, case, alone, batched) in answers(config) {
        assert_close(&alone, &expected_numbers(&case), tolerance, &what);
        if what.starts_with("onnx") {
            assert_close(&batched, &alone, BATCH_TOLERANCE, &what);
        } else {
            assert_eq!(batched, alone, "{what}: bit for bit");
        }
    }
}

#[test]
fn other_precisions_are_close_and_independent_of_the_batch() {
    for (precision, tolerance) in [(Precision::Bf16, 0.02), (Precision::Int8, 0.06)] {
        // The vectors of `bert-mean` are not scores: their errors have another scale.
        let configured = EngineConfig { precision, ..all_fixtures() };
        if precision == Precision::Bf16 && !Bf16Linear::is_available() {
            skipped("bf16, which this CPU does not multiply");
            continue;
        }
        for (what, case, alone, batched) in answers(&configured) {
            if !what.starts_with("bert-mean") {
                assert_close(&alone, &expected_numbers(&case), tolerance, &what);
            }
            if !what.starts_with("onnx") {
                assert_eq!(batched, alone, "{what}: bit for bit");
            }
        }
    }
}

#[test]
fn threads_that_come_and_go_during_a_batch_change_no_bit() {
    let loaded = start(&all_fixtures()).unwrap();
    let texts: Vec<Vec<u32>> = (1..8).map(|length| (0..length).map(|id| 10 + id).collect()).collect();
    // So many that these small layers are worth another thread.
    let batch: Vec<&[u32]> = texts.iter().map(Vec::as_slice).cycle().take(2000).collect();
    let batch = Batch::Tokens(&batch);
    let checkpoints = FIXTURES.iter().zip(loaded.engine.dispatcher.models()).filter(|(name, _)| **name != "onnx");
    for (name, model) in checkpoints {
        let alone = model.slot.runner().unwrap().run(&batch, &ThreadShare::new(1)).unwrap();
        let (threads, done) = (ThreadShare::new(1), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    threads.set(3 - threads.get());
                    thread::yield_now();
                }
            });
            let runs: Vec<_> = (0..20).map(|_| model.slot.runner().unwrap().run(&batch, &threads)).collect();
            done.store(true, Ordering::Relaxed);
            assert!(runs.into_iter().all(|run| run.unwrap() == alone), "{name}");
        });
    }
}

#[test]
fn fp16_on_a_cpu_is_refused_with_what_would_be_right() {
    let config = config(vec![model("bert", fixture("bert"))]);
    let message = start(&EngineConfig { precision: Precision::Fp16, ..config }).err().unwrap().to_string();
    assert!(message.contains("exact, bf16 or int8 on a CPU; fp16 needs --device cuda"), "{message}");
}

#[test]
fn a_profile_renames_labels() {
    let label_names = HashMap::from([("HAM".to_owned(), "fine".to_owned())]);
    let loaded = start(&config(vec![ModelConfig { label_names, ..model("bert", fixture("bert")) }])).unwrap();
    assert_eq!(loaded.engine.dispatcher.models()[0].info.labels, ["fine", "SPAM"]);
}

/// A copy of a fixture in which `change` has broken something; returns why it does not load.
fn load_error(name: &str, change: impl FnOnce(&Path)) -> LoadError {
    let folder = copy_of(name);
    change(folder.path());
    let loaded = start(&config(vec![model(name, folder.path().to_owned())]));
    loaded.err().expect("the broken model must not load")
}

#[test]
fn what_is_missing_or_wrong_is_named_with_what_was_expected_and_found() {
    type Change = Box<dyn FnOnce(&Path)>;
    let remove = |file: &'static str| -> Change { Box::new(move |folder| fs::remove_file(folder.join(file)).unwrap()) };
    let write = |file: &'static str, bytes: &'static [u8]| -> Change {
        Box::new(move |folder| fs::write(folder.join(file), bytes).unwrap())
    };
    let set = |field: &'static str, value: Value| -> Change {
        Box::new(move |folder| edit(folder, "config.json", |config| config[field] = value))
    };
    let cut: Change = Box::new(|folder| {
        let path = folder.join("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
    });
    let wordless: Change = Box::new(|folder| {
        fs::write(folder.join("vocab.json"), "{}").unwrap();
        fs::write(folder.join("merges.txt"), "#version: 0.2\n").unwrap();
    });
    let cases: Vec<(&str, Change, &[&str])> = vec![
        ("bert", remove("config.json"), &["config.json"]),
        ("bert", write("config.json", b"{"), &["config.json", "expected JSON"]),
        ("bert", set("model_type", "t5".into()), &["config.json", "\"t5\"", "supported: bert, distilbert"]),
        ("bert", set("architectures", serde_json::json!(["BertModel"])), &["bare encoder", "pooling"]),
        ("bert", remove("model.safetensors"), &["expected model.safetensors"]),
        ("bert", write("model.safetensors", b"nothing of the kind"), &["model.safetensors", "a safetensors file"]),
        ("bert", cut, &["model.safetensors", "a safetensors file"]),
        ("bert", remove("vocab.txt"), &["expected a tokenizer"]),
        ("roberta", wordless, &["vocab.json", "expected a vocabulary, found one without tokens"]),
        ("bert", set("num_hidden_layers", 3.into()), &["encoder.layer.2.", "is missing"]),
        ("bert", set("intermediate_size", 65.into()), &["intermediate.dense.weight", "[65, 32]"]),
        ("bert", set("vocab_size", 100.into()), &["at most 100 tokens"]),
        ("bert", set("id2label", serde_json::json!({"0": "a"})), &["2 labels", "found 1"]),
        ("onnx", write("model.onnx", b"nothing of the kind"), &["model.onnx", "expected an ONNX graph"]),
        ("onnx", write("model.onnx", b""), &["model.onnx", "expected an ONNX graph, found an empty file"]),
    ];
    for (name, change, expected) in cases {
        let message = load_error(name, change).to_string();
        assert!(expected.iter().all(|part| message.contains(part)), "expected {expected:?} in: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn cuda_that_cannot_start_is_an_error_and_never_a_silent_cpu_run() {
    let config = EngineConfig { device: Device::Cuda, ..config(vec![model("bert", fixture("bert"))]) };
    match start(&config) {
        Err(error) => assert!(error.to_string().starts_with("the GPU: "), "{error}"),
        Ok(loaded) => {
            assert_eq!(loaded.engine.dispatcher.models()[0].info.provider, "cuda", "a machine with a GPU");
        }
    }
}
