use std::fs;

use serde_json::json;

use super::*;

const TRANSFORMER: &str = "sentence_bert_config.json";
const POOLING: &str = "1_Pooling/config.json";
const NORMALIZE: &str = "2_Normalize/config.json";
const USAGE: &str = "config_sentence_transformers.json";

type File = (&'static str, Value);

/// A folder with the given files.
fn read(files: &[File]) -> Result<Option<Modules>, LoadError> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, contents) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(path, contents.to_string()).expect("writable");
    }
    let mut modules = Modules::read(folder.path())?;
    for file in modules.iter_mut().flat_map(|modules| &mut modules.files) {
        *file = file.strip_prefix(folder.path()).expect("below it").to_owned();
    }
    Ok(modules)
}

fn modules_of(kinds: &[&str], class: impl Fn(&str) -> String) -> File {
    let module = |(index, kind): (usize, &&str)| {
        let path = if index == 0 { String::new() } else { format!("{index}_{kind}") };
        json!({"idx": index, "name": index.to_string(), "path": path, "type": class(kind)})
    };
    (MODULES, kinds.iter().enumerate().map(module).collect())
}

fn modules(kinds: &[&str]) -> File {
    modules_of(kinds, |kind| format!("sentence_transformers.models.{kind}"))
}

fn mean() -> File {
    (POOLING, json!({"embedding_dimension": 32, "pooling_mode": "mean", "include_prompt": true}))
}

/// What is said of a folder with Transformer, a mean, Normalize and one more file, which may replace another.
fn with(name: &'static str, contents: Value) -> Result<Modules, String> {
    let usual = [modules(&["Transformer", "Pooling", "Normalize"]), mean()];
    let files: Vec<File> = usual.into_iter().filter(|(usual, _)| *usual != name).chain([(name, contents)]).collect();
    read(&files).map(|modules| modules.expect("modules")).map_err(|error| error.to_string())
}

fn usage(contents: Value) -> Usage {
    with(USAGE, contents).expect("usage").usage
}

#[test]
fn a_folder_without_modules_is_a_plain_one() {
    assert_eq!(read(&[]).unwrap(), None);
}

#[test]
fn what_the_usual_modules_say_is_done() {
    let cls = json!({"word_embedding_dimension": 384, "pooling_mode_cls_token": true,
                     "pooling_mode_mean_tokens": false, "include_prompt": true});
    let length = json!({"max_seq_length": 256, "do_lower_case": false});
    let all = [modules(&["Transformer", "Pooling", "Normalize"]), (POOLING, cls), (TRANSFORMER, length)];
    let expected = Modules {
        pooling: Pooling::FirstToken,
        normalize: true,
        max_tokens: Some(256),
        usage: Usage::default(),
        files: vec![POOLING.into()],
    };
    assert_eq!(read(&all).unwrap(), Some(expected.clone()));
    let two = [modules(&["Transformer", "Pooling"]), mean()];
    let expected = Modules { pooling: Pooling::Mean, normalize: false, max_tokens: None, ..expected };
    assert_eq!(read(&two).unwrap(), Some(expected));
}

#[test]
fn the_library_has_called_its_classes_by_several_names() {
    let kinds = ["Transformer", "Pooling", "Normalize"];
    let lower = |package: &str| {
        let package = package.to_owned();
        move |kind: &str| format!("sentence_transformers.{package}.{}.{kind}", kind.to_lowercase())
    };
    for named in [modules_of(&kinds, lower("base.modules")), modules_of(&kinds, lower("sentence_transformer.modules"))]
    {
        assert!(read(&[named.clone(), mean()]).unwrap().is_some(), "{named:?}");
    }
    for other in ["custom.Pooling", "sentence_transformers.sparse_encoder.modules.Pooling", "Pooling"] {
        let (_, mut own) = modules(&kinds);
        own[1]["type"] = json!(other);
        assert!(with(MODULES, own).unwrap_err().contains(&format!("found Transformer, {other}, Normalize")));
    }
}

#[test]
fn a_module_outside_the_folder_is_refused() {
    for outside in ["../1_Pooling", "/1_Pooling", "1_Pooling/../../1_Pooling"] {
        for place in [1, 2] {
            let (_, mut own) = modules(&["Transformer", "Pooling", "Normalize"]);
            own[place]["path"] = json!(outside);
            let message = with(MODULES, own).unwrap_err();
            assert!(message.contains("modules.json: expected modules in folders below it"), "{message}");
            assert!(message.contains(&format!("found {outside:?}")), "{message}");
        }
    }
}

#[test]
fn other_modules_and_other_places_of_them_are_refused_by_name() {
    for kinds in [&["Transformer", "Pooling", "Dense"][..], &["StaticEmbedding"], &["Transformer"], &[]] {
        let (_, list) = modules(kinds);
        let message = with(MODULES, list).unwrap_err();
        let expected =
            format!("expected the modules Transformer, Pooling and, optionally, Normalize, found {}", kinds.join(", "));
        assert!(message.contains(&expected), "{message}");
    }
    let (_, mut below) = modules(&["Transformer", "Pooling"]);
    below[0]["path"] = json!("0_Transformer");
    assert!(with(MODULES, below).unwrap_err().contains("found one in 0_Transformer"));
    let (_, mut twice) = modules(&["Transformer", "Pooling"]);
    twice[1]["name"] = json!("0");
    assert!(with(MODULES, twice).unwrap_err().contains("found two of the name \"0\""));
    assert!(with(MODULES, json!({})).unwrap_err().contains("expected a list of modules, found {}"));
}

#[test]
fn one_way_to_pool_is_done_by_either_setting() {
    for (settings, expected) in [
        (json!({}), Pooling::Mean),
        (json!({"pooling_mode": ["cls"]}), Pooling::FirstToken),
        (json!({"pooling_mode_cls_token": true}), Pooling::FirstToken),
        (json!({"pooling_mode": "cls", "pooling_mode_mean_tokens": true}), Pooling::FirstToken),
        (json!({"pooling_mode_mean_tokens": true, "include_prompt": false}), Pooling::Mean),
    ] {
        assert_eq!(with(POOLING, settings.clone()).map(|modules| modules.pooling), Ok(expected), "{settings}");
    }
    for (settings, found) in [
        (json!({"pooling_mode": "max"}), "found max"),
        (json!({"pooling_mode": ["cls", "mean"]}), "found cls, mean"),
        (json!({"pooling_mode": 1}), "found `pooling_mode`: 1"),
        (json!({"pooling_mode_lasttoken": true}), "found pooling_mode_lasttoken"),
        (
            json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}),
            "found pooling_mode_cls_token, pooling_mode_mean_tokens",
        ),
        (json!({"pooling_mode_weightedmean_tokens": "yes"}), "found `pooling_mode_weightedmean_tokens`: \"yes\""),
        (json!({"layers": 4}), "found `layers`: 4"),
        (json!([]), "expected a JSON object, found []"),
    ] {
        let message = with(POOLING, settings).unwrap_err();
        assert!(message.contains("1_Pooling/config.json: expected") && message.contains(found), "{message}");
    }
    let message = read(&[modules(&["Transformer", "Pooling"])]).unwrap_err().to_string();
    assert!(message.contains("1_Pooling/config.json"), "{message}");
}

#[test]
fn tokens_of_prompts_are_not_left_out() {
    let files = |prompt: &str, include: Value| {
        let pooling = (POOLING, json!({"pooling_mode": "mean", "include_prompt": include}));
        [modules(&["Transformer", "Pooling"]), pooling, (USAGE, json!({"prompts": {"query": prompt}}))]
    };
    for include in [json!(false), Value::Null] {
        let message = read(&files("query: ", include.clone())).unwrap_err().to_string();
        assert!(message.contains(&format!("found `include_prompt`: {include}")), "{message}");
    }
    assert!(read(&files("query: ", json!(true))).is_ok());
    assert!(read(&files("", json!(false))).is_ok());
}

#[test]
fn the_first_settings_of_the_transformer_that_say_anything_are_read() {
    let two = |bert: Value| {
        let roberta = ("sentence_roberta_config.json", json!({"max_seq_length": 128}));
        read(&[modules(&["Transformer", "Pooling"]), mean(), (TRANSFORMER, bert), roberta]).unwrap().unwrap().max_tokens
    };
    assert_eq!(two(json!({})), Some(128));
    assert_eq!(two(json!({"max_seq_length": 64})), Some(64));
    assert_eq!(two(json!({"max_seq_length": null})), None);
}

#[test]
fn settings_of_the_transformer_that_change_a_vector_are_refused_by_name() {
    let usual = json!({
        "max_seq_length": 64, "do_lower_case": false, "transformer_task": "feature-extraction",
        "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
        "module_output_name": "token_embeddings", "processing_kwargs": {}, "unpad_inputs": true,
        "model_args": {}, "tokenizer_args": {"trust_remote_code": true}, "config_kwargs": {},
    });
    assert_eq!(with(TRANSFORMER, usual.clone()).map(|modules| modules.max_tokens), Ok(Some(64)));
    for (name, value) in [
        ("do_lower_case", json!(true)),
        ("transformer_task", json!("fill-mask")),
        ("modality_config", json!({"text": {"method": "forward", "method_output_name": "pooler_output"}})),
        ("modality_config", json!({"message": {"method": "forward", "method_output_name": "last_hidden_state"}})),
        ("module_output_name", json!("all_layer_embeddings")),
        ("processing_kwargs", json!({"text": {"add_special_tokens": false}})),
        ("processor_kwargs", json!({"model_max_length": 8})),
        ("query_expansion", json!(true)),
    ] {
        let mut settings = usual.clone();
        settings[name] = value.clone();
        let message = with(TRANSFORMER, settings).unwrap_err();
        assert!(message.contains(&format!("{TRANSFORMER}: expected settings that Chorus has")), "{message}");
        assert!(message.contains(&format!("found `{name}`: {value}")), "{message}");
    }
    for length in [json!(0), json!(-1), json!("64"), json!(1.5)] {
        let message = with(TRANSFORMER, json!({"max_seq_length": length})).unwrap_err();
        assert!(message.contains("expected a length as `max_seq_length`"), "{message}");
    }
}

#[test]
fn vectors_of_tokens_are_not_normalized() {
    let usual = json!({"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"});
    let found = with(NORMALIZE, usual).unwrap();
    assert!(found.normalize);
    assert_eq!(found.files, [Path::new(POOLING), Path::new(NORMALIZE)]);
    let message = with(NORMALIZE, json!({"module_input_name": "token_embeddings"})).unwrap_err();
    assert!(message.contains("found `module_input_name`: \"token_embeddings\""), "{message}");
}

#[test]
fn how_an_encoder_is_used_is_told() {
    let found = usage(json!({
        "__version__": {"sentence_transformers": "5.1.0"}, "model_type": "SentenceTransformer", "requirements": [],
        "prompts": {"query": "query: ", "document": null}, "default_prompt_name": "query", "similarity_fn_name": "dot",
    }));
    let prompts = [("query", "query: "), ("document", "")].map(|(name, text)| (name.to_owned(), text.to_owned()));
    let expected =
        Usage { prompts: prompts.into(), default_prompt: Some("query: ".to_owned()), similarity: Similarity::Dot };
    assert_eq!(found, expected);
    let unset = json!({"prompts": {}, "default_prompt_name": null, "similarity_fn_name": null, "truncate_dim": null});
    assert_eq!(usage(unset), Usage::default());
    // The library has both prompts for every model, empty where a folder says none.
    assert_eq!(usage(json!({"default_prompt_name": "document"})).default_prompt, Some(String::new()));
}

#[test]
fn a_use_that_chorus_has_not_is_refused_by_name() {
    for (settings, problem) in [
        (json!({"model_type": "SparseEncoder"}), "found `model_type`: \"SparseEncoder\""),
        (json!({"truncate_dim": 128}), "found `truncate_dim`: 128"),
        (json!({"layers": 3}), "found `layers`: 3"),
        (
            json!({"similarity_fn_name": "euclidean"}),
            "expected cosine or dot as `similarity_fn_name`, found \"euclidean\"",
        ),
        (json!({"prompts": ["query: "]}), "found `prompts`: [\"query: \"]"),
        (json!({"prompts": {"query": 1}}), "expected a text as the prompt \"query\", found 1"),
        (
            json!({"prompts": {"a": "", "b": ""}, "default_prompt_name": "c"}),
            "expected one of the prompts (a, b) as `default_prompt_name`, found \"c\"",
        ),
        (json!({"default_prompt_name": 1}), "as `default_prompt_name`, found 1"),
    ] {
        let message = with(USAGE, settings).unwrap_err();
        assert!(message.contains(&format!("{USAGE}: expected")) && message.contains(problem), "{message}");
    }
}
