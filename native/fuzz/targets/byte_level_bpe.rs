//! RoBERTa's vocabulary: `vocab.json`, a NUL, `merges.txt`.
#![no_main]

use chorus_fuzz::{Folder, caught, check_prefixes, parts};
use chorus_runtime::tokenizer::TextTokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: chorus_fuzz::start(), |input: &[u8]| {
    let [vocabulary, merges] = parts(input);
    let config = br#"{"model_type": "roberta"}"#;
    let folder = Folder::of(&[("vocab.json", vocabulary), ("merges.txt", merges), ("config.json", config)]);
    caught(|| {
        if let Ok(tokenizer) = TextTokenizer::load(folder.path()) {
            check_prefixes(&tokenizer, input);
        }
    });
});
