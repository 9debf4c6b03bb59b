//! An engine beside another, as a reload starts it: what is the same is taken over, what is not is loaded.

#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod common;

use std::{fs, sync::Arc};

use chorus_runtime::{
    dispatcher::Sinks,
    engine::{self, Engine, EngineConfig},
    model::{ModelConfig, Precision, Runner},
};

use crate::common::{Loaded, config, copy_of, edit, fixture, model, start};

fn runner(engine: &Engine, model: usize) -> Arc<dyn Runner> {
    engine.dispatcher.models()[model].slot.runner().unwrap()
}

fn silent() -> Sinks {
    Sinks { replies: Box::new(drop), events: Box::new(drop) }
}

/// Whether `config` beside `loaded` takes its only model over.
fn takes_over(config: &EngineConfig, loaded: &Loaded) -> bool {
    let before = loaded.engine.dispatcher.models();
    let beside = engine::start_beside(config, before, silent()).unwrap();
    Arc::ptr_eq(&runner(&beside, 0), &runner(&loaded.engine, 0))
}

#[test]
fn a_model_that_is_the_same_is_taken_over_under_whatever_name_and_answers_the_same() {
    let loaded = start(&config(vec![model("bert", fixture("bert"))])).unwrap();
    let expected = loaded.infer(&["hello".to_owned()], 0);
    let both = config(vec![model("distilbert", fixture("distilbert")), model("other", fixture("bert"))]);
    let beside = loaded.beside(&both);
    let after = beside.engine.dispatcher.models();
    assert!(Arc::ptr_eq(&runner(&loaded.engine, 0), &runner(&beside.engine, 1)));
    assert_eq!(after[1].info.name, "other");
    // Its tokenizer is the second of the new engine, and was the first of the old.
    assert_eq!(beside.infer(&["hello".to_owned()], 1), expected);
    drop(loaded);
    assert_eq!(beside.infer(&["hello".to_owned()], 1), expected);
}

#[test]
fn a_graph_is_taken_over_too() {
    let of = || config(vec![model("onnx", fixture("onnx"))]);
    assert!(takes_over(&of(), &start(&of()).unwrap()));
}

#[test]
fn whatever_answers_otherwise_is_loaded() {
    let folder = copy_of("bert");
    let same = || config(vec![model("bert", folder.path().to_owned())]);
    let loaded = start(&same()).unwrap();
    assert!(takes_over(&same(), &loaded));
    assert!(!takes_over(&EngineConfig { precision: Precision::Int8, ..same() }, &loaded));
    let shorter = ModelConfig { max_tokens: Some(16), ..model("bert", folder.path().to_owned()) };
    assert!(!takes_over(&config(vec![shorter]), &loaded));
    edit(folder.path(), "config.json", |config| config["layer_norm_eps"] = 0.5.into());
    assert!(!takes_over(&same(), &loaded));
}

#[test]
fn one_that_cannot_be_loaded_leaves_the_other_as_it_is() {
    let loaded = start(&config(vec![model("bert", fixture("bert"))])).unwrap();
    let expected = loaded.infer(&["hello".to_owned()], 0);
    let folder = copy_of("roberta");
    fs::write(folder.path().join("model.safetensors"), "not weights").unwrap();
    let broken = config(vec![model("bert", fixture("bert")), model("roberta", folder.path().to_owned())]);
    assert!(engine::start_beside(&broken, loaded.engine.dispatcher.models(), silent()).is_err());
    assert_eq!(loaded.infer(&["hello".to_owned()], 0), expected);
}
