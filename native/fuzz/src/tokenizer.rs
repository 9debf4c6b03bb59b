//! What must hold of a tokenizer that was loaded.

use std::path::Path;

use chorus_runtime::tokenizer::TextTokenizer;
use tokenizers::{ModelWrapper, Tokenizer};

/// Texts with what tokenizers tell apart: cases, accents, scripts, marks, blanks, joiners, special tokens, endless words.
const TEXTS: [&str; 9] = [
    "",
    " ",
    "Hello, world! I can't believe it's 3.14 \u{a0}\t\r\n",
    "Ünïcödé e\u{301}\u{323} ＜ｍａｓｋ＞ ﬁ ½ İ",
    "日本語 한국어 नमस्ते שָׁלוֹם مُحَمَّد",
    "👩\u{200d}👩\u{200d}👧 🇧🇱🇨 ❤\u{fe0f} \u{200b}\u{feff}\u{fffd}",
    "<s> </s><unk> <mask>[CLS] [SEP][MASK] [UNK]",
    "▁▁ ▁a  b   c\u{85}d\u{0}e\u{10ffff}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
/// Bytes of a vocabulary that are taken as a text: a pathological one costs the square of its length in the library.
const LONGEST_TEXT: usize = 512;
/// Ids that are asked for of each text.
const LENGTHS: [usize; 4] = [0, 1, 7, 62];

/// The texts, and the input's own beginning: that has the words of its vocabulary.
fn texts(input: &[u8]) -> Vec<String> {
    let own = String::from_utf8_lossy(&input[..input.len().min(LONGEST_TEXT)]).into_owned();
    TEXTS.into_iter().map(str::to_owned).chain([own]).collect()
}

/// The first ids of a text are those of the whole text, whatever its tokenizer does to read no more than it needs, and
/// no id is beyond its end.
pub fn check_prefixes(tokenizer: &TextTokenizer, input: &[u8]) {
    for text in texts(input) {
        let Ok(whole) = tokenizer.encode(&text, usize::MAX) else { continue };
        assert!(!whole.truncated, "{text:?}");
        let ids = [tokenizer.prefix(), &whole.content, tokenizer.suffix()].concat();
        assert!(ids.iter().all(|&id| (id as usize) < tokenizer.end()), "{text:?}: {ids:?} of {}", tokenizer.end());
        for max in LENGTHS {
            let cut = tokenizer.encode(&text, max).expect("ids, as without a limit");
            assert_eq!(cut.content, tokenizer.cut(&whole.content, max), "{text:?} at {max}");
            assert_eq!(cut.truncated, whole.content.len() > max, "{text:?} at {max}");
        }
    }
}

/// The ids are those that the `tokenizers` library gives by the description `path` alone.
pub fn check_ids(tokenizer: &TextTokenizer, path: &Path, input: &[u8]) {
    let mut library = Tokenizer::from_file(path).expect("a description, as it was loaded");
    library.with_truncation(None).expect("none");
    library.with_padding(None);
    // A text has the same ids every time.
    if let ModelWrapper::BPE(model) = library.get_model() {
        let mut model = model.clone();
        model.dropout = None;
        library.with_model(model);
    }
    for text in texts(input) {
        let found = tokenizer.encode(&text, usize::MAX).ok().map(|encoded| encoded.content);
        let expected = library.encode_fast(text.as_str(), false).ok().map(|encoding| encoding.get_ids().to_vec());
        assert_eq!(found, expected, "{text:?}");
    }
}
