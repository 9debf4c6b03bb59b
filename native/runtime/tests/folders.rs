//! What a model's folder may hold beside the usual, and what is refused of it.

#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod common;

use std::{fs, path::Path};

use chorus_core::{requests::InferError, spec::Pooling};
use chorus_runtime::{
    checkpoint::{Format, Graph},
    model::{Description, ModelConfig, Source},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};

use crate::common::{Loaded, Numbers, config, copy_folder, copy_of, edit, fixture, model, start};

fn load(name: &str, folder: &Path) -> Loaded {
    start(&config(vec![model(name, folder.to_owned())])).unwrap()
}

fn refusal(config_of: ModelConfig) -> String {
    start(&config(vec![config_of])).err().expect("a refusal").to_string()
}

fn answer(loaded: &Loaded, text: &str) -> Numbers {
    loaded.infer(&[text.to_owned()], 0).remove(0)
}

#[test]
fn weights_in_double_precision_are_read_in_single() {
    let folder = copy_of("bert");
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let wide: Vec<_> = tensors
        .tensors()
        .into_iter()
        .map(|(name, tensor)| {
            let numbers = tensor.data().chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap()));
            (name, tensor.shape().to_vec(), numbers.flat_map(|x| f64::from(x).to_le_bytes()).collect::<Vec<u8>>())
        })
        .collect();
    let views =
        wide.iter().map(|(name, shape, bytes)| (name, TensorView::new(Dtype::F64, shape.clone(), bytes).unwrap()));
    let expected = answer(&load("bert", folder.path()), "hello");
    safetensors::serialize_to_file(views, None, &path).unwrap();
    assert_eq!(answer(&load("bert", folder.path()), "hello"), expected);
}

#[test]
fn pickled_weights_in_several_files_are_stored_as_safetensors() {
    let folder = copy_of("roberta");
    let expected = answer(&load("roberta", folder.path()), "hello");
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    fs::rename(folder.path().join("pytorch_model.bin"), folder.path().join("pytorch_model-00001-of-00001.bin"))
        .unwrap();
    let index = json!({"metadata": {}, "weight_map": {"any": "pytorch_model-00001-of-00001.bin"}});
    fs::write(folder.path().join("pytorch_model.bin.index.json"), index.to_string()).unwrap();
    for _ in 0..2 {
        assert_eq!(answer(&load("roberta", folder.path()), "hello"), expected);
        assert!(folder.path().join("model-00001-of-00001.safetensors").is_file());
        assert!(folder.path().join("model.safetensors.index.json").is_file());
    }
}

#[test]
fn a_config_as_python_writes_it_is_read() {
    let folder = copy_of("bert");
    let path = folder.path().join("config.json");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replacen('{', "{\"classifier_dropout\": NaN,", 1)).unwrap();
    answer(&load("bert", folder.path()), "hello");
}

#[test]
fn a_text_with_a_token_that_the_model_does_not_know_is_refused_and_others_are_answered() {
    let folder = copy_of("distilbert");
    let size =
        serde_json::from_slice::<Value>(&fs::read(folder.path().join("config.json")).unwrap()).unwrap()["vocab_size"]
            .as_u64()
            .unwrap();
    edit(folder.path(), "tokenizer.json", |tokenizer| {
        let added = json!({"id": size, "content": "<extra>", "single_word": false, "lstrip": false, "rstrip": false,
                           "normalized": false, "special": true});
        tokenizer["added_tokens"].as_array_mut().unwrap().push(added);
    });
    let loaded = load("distilbert", folder.path());
    answer(&loaded, "hello");
    let error = loaded.try_infer(&["hello <extra>".to_owned()], 0).unwrap_err();
    assert!(matches!(error, InferError::Unreadable { .. }), "{error}");
    let expected =
        format!("model `distilbert` cannot read the text: it has the token {size}, and the model knows {size}");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_tokenizer_that_puts_nothing_around_a_text_is_served_and_cannot_read_an_empty_one() {
    let folder = copy_of("distilbert");
    edit(folder.path(), "tokenizer.json", |tokenizer| tokenizer["post_processor"] = Value::Null);
    let loaded = load("distilbert", folder.path());
    answer(&loaded, "hello");
    let error = loaded.try_infer(&[String::new()], 0).unwrap_err();
    assert_eq!(error.to_string(), "model `distilbert` cannot read the text: it has no tokens");
}

#[test]
fn token_types_other_than_0_are_refused() {
    let folder = copy_of("distilbert");
    edit(folder.path(), "tokenizer.json", |tokenizer| {
        let single = tokenizer["post_processor"]["single"].as_array_mut().unwrap();
        single[1]["Sequence"]["type_id"] = json!(1);
    });
    let message = refusal(model("distilbert", folder.path().to_owned()));
    assert!(message.contains("another type than 0"), "{message}");
}

/// A folder of sentence-transformers over the fixture `bert-mean`.
fn sentence_folder(kinds: &[&str]) -> tempfile::TempDir {
    let folder = copy_of("bert-mean");
    let module = |(index, kind): (usize, &&str)| {
        let path = if index == 0 { String::new() } else { format!("{index}_{kind}") };
        json!({"idx": index, "path": path, "type": format!("sentence_transformers.models.{kind}")})
    };
    let modules: Value = kinds.iter().enumerate().map(module).collect();
    fs::write(folder.path().join("modules.json"), modules.to_string()).unwrap();
    fs::create_dir(folder.path().join("1_Pooling")).unwrap();
    let pooling = json!({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true});
    fs::write(folder.path().join("1_Pooling/config.json"), pooling.to_string()).unwrap();
    folder
}

#[test]
fn the_modules_of_sentence_transformers_are_done() {
    let folder = sentence_folder(&["Transformer", "Pooling", "Normalize"]);
    fs::write(folder.path().join("sentence_bert_config.json"), json!({"max_seq_length": 8}).to_string()).unwrap();
    let plain = ModelConfig { pooling: Some(Pooling::Mean), ..model("bert-mean", fixture("bert-mean")) };
    let own = ModelConfig { pooling: None, ..model("sentences", folder.path().to_owned()) };
    let loaded = start(&config(vec![plain, own])).unwrap();
    let [raw, normalized] = [0, 1].map(|index| loaded.infer(&["hello".to_owned()], index).remove(0));
    let length = raw.iter().map(|(_, x)| x * x).sum::<f32>().sqrt();
    for ((_, raw), (_, normalized)) in raw.iter().zip(&normalized) {
        assert!((raw / length - normalized).abs() < 1e-6);
    }
    assert_eq!(loaded.engine.dispatcher.models()[1].info.max_tokens, 8);
}

#[test]
fn modules_that_contradict_the_profile_or_are_not_had_are_refused() {
    let folder = sentence_folder(&["Transformer", "Pooling"]);
    let cls = ModelConfig { pooling: Some(Pooling::FirstToken), ..model("m", folder.path().to_owned()) };
    assert!(refusal(cls).contains("the folder's own `pooling: mean`, or none, found cls"));
    let dense = sentence_folder(&["Transformer", "Pooling", "Dense"]);
    assert!(refusal(model("m", dense.path().to_owned())).contains("found Transformer, Pooling, Dense"));
}

#[test]
fn a_graph_in_a_folder_of_its_own_is_served_with_what_lies_one_folder_up() {
    let folder = copy_of("onnx");
    let expected = answer(&load("onnx", folder.path()), "hello");
    fs::create_dir(folder.path().join("onnx")).unwrap();
    let graph = folder.path().join("onnx/model_quantized.onnx");
    fs::rename(folder.path().join("model.onnx"), &graph).unwrap();
    for path in [folder.path(), &graph] {
        assert_eq!(answer(&load("onnx", path), "hello"), expected);
    }
    fs::copy(&graph, folder.path().join("onnx/model_fp16.onnx")).unwrap();
    let message = refusal(model("onnx", folder.path().to_owned()));
    assert!(message.contains("found onnx/model_fp16.onnx, onnx/model_quantized.onnx"), "{message}");
}

#[test]
fn a_graph_with_its_numbers_elsewhere_is_served_if_they_are_there() {
    let folder = copy_of("onnx");
    let expected = answer(&load("onnx", folder.path()), "hello");
    copy_folder(&fixture("onnx-external"), folder.path());
    assert_eq!(answer(&load("onnx", folder.path()), "hello"), expected);
    fs::remove_file(folder.path().join("numbers.pb")).unwrap();
    let message = refusal(model("onnx", folder.path().to_owned()));
    assert!(message.contains("numbers.pb, which has numbers of the graph, found no such file"), "{message}");
}

#[test]
fn the_graph_that_the_profile_names_is_served() {
    let folder = copy_of("onnx");
    let graphs = folder.path().join("onnx");
    copy_folder(&fixture("onnx-external"), &graphs);
    fs::rename(graphs.join("model.onnx"), graphs.join("model_O4.onnx")).unwrap();
    let named = |graph: &str| ModelConfig {
        graph: Some(graph.to_owned()),
        format: Format::Onnx,
        ..model("onnx", folder.path().to_owned())
    };
    let description = Description::read(&named("onnx/model_O4.onnx")).unwrap();
    let Source::Graph(Graph { path, data, .. }) = description.source else { panic!("not a graph") };
    assert_eq!((path, data), (graphs.join("model_O4.onnx"), vec![graphs.join("numbers.pb")]));
    assert!(start(&config(vec![named("onnx/model_O4.onnx")])).is_ok());
    let message = refusal(named("onnx/model_O3.onnx"));
    assert!(message.contains("expected onnx/model_O3.onnx, found model.onnx, onnx/model_O4.onnx"), "{message}");
}

#[test]
fn a_graph_beside_weights_is_served_where_the_weights_are_not_or_the_profile_wants_it() {
    let folder = copy_of("onnx");
    fs::copy(fixture("bert").join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    let architecture = |format: Format| {
        let config_of = ModelConfig { format, ..model("onnx", folder.path().to_owned()) };
        start(&config(vec![config_of])).map(|loaded| loaded.engine.dispatcher.models()[0].info.architecture.clone())
    };
    assert_eq!(architecture(Format::Onnx).unwrap(), "onnx");
    edit(folder.path(), "config.json", |config| config["model_type"] = json!("mpnet"));
    assert_eq!(architecture(Format::Auto).unwrap(), "onnx");
    let message = architecture(Format::Checkpoint).unwrap_err().to_string();
    assert!(message.contains("\"mpnet\", which is not supported"), "{message}");
}

#[test]
fn a_graph_of_fewer_positions_than_its_files_say_is_refused_when_it_is_loaded() {
    let folder = copy_of("onnx");
    edit(folder.path(), "config.json", |config| config["max_position_embeddings"] = json!(128));
    let message = refusal(model("onnx", folder.path().to_owned()));
    assert!(message.contains("expected a graph that reads 128 tokens"), "{message}");
    let within = ModelConfig { max_tokens: Some(64), ..model("onnx", folder.path().to_owned()) };
    assert!(start(&config(vec![within])).is_ok());
}
