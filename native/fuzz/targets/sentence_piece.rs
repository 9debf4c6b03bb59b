//! XLM-RoBERTa's vocabulary, `sentencepiece.bpe.model`.
#![no_main]

use chorus_fuzz::{Folder, caught, check_prefixes};
use chorus_runtime::tokenizer::TextTokenizer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: chorus_fuzz::start(), |input: &[u8]| {
    let config = br#"{"model_type": "xlm-roberta"}"#;
    let folder = Folder::of(&[("sentencepiece.bpe.model", input), ("config.json", config)]);
    caught(|| {
        if let Ok(tokenizer) = TextTokenizer::load(folder.path()) {
            check_prefixes(&tokenizer, input);
        }
    });
});
