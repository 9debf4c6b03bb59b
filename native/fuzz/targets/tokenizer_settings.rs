//! What files say about a tokenizer beside its description: `tokenizer_config.json`, a NUL, `special_tokens_map.json`, a
//! NUL, `added_tokens.json`.
#![no_main]

use chorus_fuzz::{Folder, caught, check_prefixes, parts};
use chorus_runtime::tokenizer::TextTokenizer;
use libfuzzer_sys::fuzz_target;

const DESCRIPTION: &[u8] = include_bytes!("../../fixtures/distilbert/tokenizer.json");
const VOCABULARY: &[u8] = include_bytes!("../../fixtures/bert/vocab.txt");

fuzz_target!(init: chorus_fuzz::start(), |input: &[u8]| {
    let [config, special, added] = parts(input);
    let said = [("tokenizer_config.json", config), ("special_tokens_map.json", special), ("added_tokens.json", added)];
    let model = ("config.json", br#"{"model_type": "bert"}"#.as_slice());
    for vocabulary in [("tokenizer.json", DESCRIPTION), ("vocab.txt", VOCABULARY)] {
        let stated = said.into_iter().filter(|(_, contents)| !contents.is_empty());
        let files: Vec<_> = stated.chain([model, vocabulary]).collect();
        let folder = Folder::of(&files);
        caught(|| {
            if let Ok(tokenizer) = TextTokenizer::load(folder.path()) {
                check_prefixes(&tokenizer, input);
            }
        });
    }
});
