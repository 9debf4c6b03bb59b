//! A complete description, `tokenizer.json`: its ids are those of the `tokenizers` library.
#![no_main]

use chorus_fuzz::{Folder, caught, check_ids, check_prefixes};
use chorus_runtime::tokenizer::TextTokenizer;
use libfuzzer_sys::fuzz_target;

const NAME: &str = "tokenizer.json";
/// Without a class that would change what the description says.
const SETTINGS: &[u8] = br#"{"tokenizer_class": "TokenizersBackend"}"#;

fuzz_target!(init: chorus_fuzz::start(), |input: &[u8]| {
    let folder = Folder::of(&[(NAME, input), ("tokenizer_config.json", SETTINGS)]);
    caught(|| {
        if let Ok(tokenizer) = TextTokenizer::load(folder.path()) {
            check_prefixes(&tokenizer, input);
            check_ids(&tokenizer, &folder.path().join(NAME), input);
        }
    });
});
