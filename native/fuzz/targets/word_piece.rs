//! BERT's vocabulary, `vocab.txt`.
#![no_main]

use chorus_fuzz::{Folder, caught, check_prefixes};
use chorus_runtime::tokenizer::TextTokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: chorus_fuzz::start(), |input: &[u8]| {
    let folder = Folder::of(&[("vocab.txt", input), ("config.json", br#"{"model_type": "bert"}"#)]);
    caught(|| {
        if let Ok(tokenizer) = TextTokenizer::load(folder.path()) {
            check_prefixes(&tokenizer, input);
        }
    });
});
