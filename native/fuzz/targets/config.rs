//! What a folder says its model is: `config.json`, a NUL, `modules.json`, a NUL, `1_Pooling/config.json`.
#![no_main]

use chorus_core::spec::Pooling;
use chorus_fuzz::{Folder, parts};
use chorus_runtime::model::{Description, ModelConfig, Source};
use libfuzzer_sys::fuzz_target;

const DESCRIPTION: &[u8] = include_bytes!("../../fixtures/distilbert/tokenizer.json");

fuzz_target!(init: chorus_fuzz::start(), |input: &[u8]| {
    let [config, modules, pooling] = parts(input);
    let said = [("config.json", config), ("modules.json", modules), ("1_Pooling/config.json", pooling)];
    let stated = said.into_iter().filter(|(_, contents)| !contents.is_empty());
    let files: Vec<_> = stated.chain([("tokenizer.json", DESCRIPTION)]).collect();
    let folder = Folder::of(&files);
    for (weights, pooling) in [("model.safetensors", None), ("model.safetensors", Some(Pooling::Mean)), ("model.onnx", None)] {
        let asked = ModelConfig { pooling, ..ModelConfig::new("any", folder.path()) };
        let Ok(description) = Description::of(&asked, &[weights.to_owned()]) else { continue };
        if let Source::Checkpoint(spec) = description.source {
            assert!(spec.hidden_size.is_multiple_of(spec.attention_heads), "{spec:?}");
            assert!(spec.layers > 0 && spec.layer_norm_eps.is_finite(), "{spec:?}");
            assert!((4..=spec.position_rows).contains(&spec.max_tokens()), "{spec:?}");
            assert!(description.max_tokens <= spec.max_tokens(), "{spec:?}");
        }
    }
});
