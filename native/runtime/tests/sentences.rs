//! Folders of sentence-transformers through the whole engine, against what that library answers
//! (native/fixtures/sentences, written by `bench/parity/sentence_fixtures.py`).

#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use chorus_runtime::model::{Head, ModelConfig, ModelInfo};
use serde_json::{Value, json};

use crate::common::{Loaded, config, copy_folder, edit, fixture, start};

/// The largest difference of a component; vectors have the length 1.
const TOLERANCE: f32 = 1e-6;
const FOLDERS: [&str; 2] = ["older", "newer"];

fn folder(name: &str) -> PathBuf {
    fixture("sentences").join(name)
}

fn expected(name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder(name).join("expected.json")).unwrap()).unwrap()
}

/// With no more of a profile than its path.
fn load(path: &Path) -> Loaded {
    start(&config(vec![ModelConfig::new("encoder", path)])).unwrap()
}

fn info(loaded: &Loaded) -> ModelInfo {
    loaded.engine.dispatcher.models()[0].info.clone()
}

fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&folder(name), copy.path());
    copy
}

#[test]
fn vectors_are_those_of_the_library_with_and_without_a_prompt() {
    for name in FOLDERS {
        let loaded = load(&folder(name));
        let prompts = info(&loaded).usage.prompts;
        let expected = expected(name);
        let cases = expected["cases"].as_array().unwrap();
        let texts = cases.iter().map(|case| {
            let prompt = case.get("prompt").map_or("", |name| prompts[name.as_str().unwrap()].as_str());
            format!("{prompt}{}", case["text"].as_str().unwrap())
        });
        let texts: Vec<String> = texts.collect();
        let found = loaded.infer(&texts, 0);
        assert_eq!(found.len(), cases.len());
        for ((case, text), found) in cases.iter().zip(&texts).zip(found) {
            let vector = case["vector"].as_array().unwrap();
            assert_eq!(found.len(), vector.len());
            for ((_, found), expected) in found.iter().zip(vector) {
                let difference = (found - expected.as_f64().unwrap() as f32).abs();
                assert!(difference <= TOLERANCE, "{name}: {text:?}: {difference}");
            }
        }
    }
}

#[test]
fn what_the_library_knows_of_a_folder_is_told() {
    for name in FOLDERS {
        let loaded = load(&folder(name));
        let info = info(&loaded);
        let Head::Embedding { normalize } = loaded.engine.dispatcher.models()[0].head else { panic!("{name}") };
        let found = json!({
            "max_tokens": info.max_tokens, "dimensions": info.width, "normalized": normalize,
            "similarity": info.usage.similarity.name(), "default_prompt": info.usage.default_prompt,
        });
        let mut expected = expected(name);
        expected.as_object_mut().unwrap().remove("cases");
        assert_eq!(found, expected, "{name}");
    }
    let prompts = info(&load(&folder("newer"))).usage.prompts;
    let prompts: Vec<_> = prompts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(prompts, [("document", ""), ("passage", "passage: "), ("plain", ""), ("query", "query: ")]);
}

#[test]
fn a_limit_of_the_profile_wins_over_that_of_the_folder() {
    for wanted in [8, 64] {
        let longer = ModelConfig { max_tokens: Some(wanted), ..ModelConfig::new("encoder", folder("older")) };
        assert_eq!(info(&start(&config(vec![longer])).unwrap()).max_tokens, wanted);
    }
    let beyond = ModelConfig { max_tokens: Some(65), ..ModelConfig::new("encoder", folder("older")) };
    let message = start(&config(vec![beyond])).err().unwrap().to_string();
    assert!(message.contains("`max_tokens` from 4 to 64, what the position table holds"), "{message}");
}

#[test]
fn a_limit_beyond_the_positions_is_theirs() {
    let copy = copy("older");
    edit(copy.path(), "sentence_bert_config.json", |settings| settings["max_seq_length"] = json!(512));
    assert_eq!(info(&load(copy.path())).max_tokens, 64);
}

#[test]
fn whatever_changes_a_vector_changes_the_digest() {
    let copy = copy("older");
    let digest = || info(&load(copy.path())).digest;
    let mut digests = vec![digest()];
    edit(copy.path(), "sentence_bert_config.json", |settings| settings["max_seq_length"] = json!(32));
    digests.push(digest());
    // In a folder whose name is none that the library would give.
    edit(copy.path(), "modules.json", |modules| modules[1]["path"] = json!("pooling"));
    fs::rename(copy.path().join("1_Pooling"), copy.path().join("pooling")).unwrap();
    digests.push(digest());
    edit(copy.path(), "pooling/config.json", |settings| {
        *settings = json!({"embedding_dimension": 32, "pooling_mode": "cls"});
    });
    digests.push(digest());
    edit(copy.path(), "modules.json", |modules| drop(modules.as_array_mut().unwrap().pop()));
    digests.push(digest());
    let mut distinct = digests.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), digests.len(), "{digests:?}");
}
