//! Ids against the oracle's, and cut texts against full tokenization.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use super::{Folder, MOST_IDS, TextTokenizer};
use crate::error::LoadError;

pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn fixtures() -> PathBuf {
    project().join("native/fixtures")
}

/// Public tokenizers and texts beside the project. Where they are absent, whoever runs the tests is told that `what` is
/// not compared.
pub fn shared_data(what: &str) -> Option<PathBuf> {
    let path = project().join("../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    // What `eprintln!` prints is shown for failed tests only.
    writeln!(io::stderr(), "SKIPPED: {what} are not compared, ../shared/data is absent").unwrap();
    None
}

/// A folder's tokenizer before anything is made of it.
pub fn described(directory: &Path) -> Result<Tokenizer, LoadError> {
    Folder::open(directory)?.load().map(|(tokenizer, _)| tokenizer)
}

/// The library's own tokenizer of a directory: the oracle.
fn library(directory: &Path) -> Tokenizer {
    let mut tokenizer = described(directory).unwrap();
    tokenizer.with_truncation(None).unwrap();
    tokenizer.with_padding(None);
    tokenizer
}

fn encode_full(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    tokenizer.encode_fast(text, false).unwrap().get_ids().to_vec()
}

fn with_specials(tokenizer: &TextTokenizer, text: &str, max_tokens: usize) -> Vec<u32> {
    let content = tokenizer.encode(text, max_tokens - tokenizer.special_count()).unwrap().content;
    [tokenizer.prefix(), &content, tokenizer.suffix()].concat()
}

#[test]
fn gives_the_ids_of_the_oracle_for_every_kind_of_file() {
    for name in ["bert", "distilbert", "roberta", "xlm-roberta"] {
        let tokenizer = TextTokenizer::load(&fixtures().join(name)).unwrap();
        let expected: Value =
            serde_json::from_slice(&fs::read(fixtures().join(name).join("expected.json")).unwrap()).unwrap();
        for case in expected["cases"].as_array().unwrap() {
            let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
            assert_eq!(with_specials(&tokenizer, case["text"].as_str().unwrap(), 64), ids, "{name}: {case}");
        }
    }
}

#[test]
fn ignores_a_truncation_inside_tokenizer_json() {
    let tokenizer = TextTokenizer::load(&fixtures().join("distilbert")).unwrap();
    assert_eq!(tokenizer.encode(&"a ".repeat(100), 1000).unwrap().content.len(), 100);
}

#[test]
fn the_same_tokenizer_in_other_files_has_the_same_fingerprint() {
    let folder = fixtures().join("xlm-roberta");
    let from_sentencepiece = TextTokenizer::load(&folder).unwrap();
    let copy = tempfile::tempdir().unwrap();
    let json = library(&folder).to_string(true).unwrap();
    fs::write(copy.path().join("tokenizer.json"), json).unwrap();
    let from_json = TextTokenizer::load(copy.path()).unwrap();
    assert_eq!(from_json.fingerprint(), from_sentencepiece.fingerprint());
    let other = TextTokenizer::load(&fixtures().join("roberta")).unwrap();
    assert_ne!(other.fingerprint(), from_json.fingerprint());
}

#[test]
fn missing_and_broken_files_are_named() {
    let error = |files: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        for (file, contents) in files {
            fs::write(folder.path().join(file), contents).unwrap();
        }
        described(folder.path()).err().unwrap().to_string()
    };
    let (bert, xlm) =
        (("config.json", r#"{"model_type": "bert"}"#), ("config.json", r#"{"model_type": "xlm-roberta"}"#));
    for (files, expected) in [
        (&[bert][..], "expected a tokenizer: tokenizer.json or vocab.txt for a BertTokenizer"),
        (&[xlm], "expected a tokenizer: tokenizer.json or sentencepiece.bpe.model for a XLMRobertaTokenizer"),
        (
            &[("vocab.txt", "hello\n")],
            "expected a `tokenizer_class`, which says what kind of vocabulary this is: Albert",
        ),
        (&[("tokenizer.json", "{\"model\": ")], "tokenizer.json: expected JSON"),
        (&[("tokenizer.json", "{}")], "tokenizer.json: expected a description for the `tokenizers` library"),
        (&[xlm, ("sentencepiece.bpe.model", "not a model")], "sentencepiece.bpe.model: expected a vocabulary"),
        (
            // A normalizer that is a character map of 0x7f eight times.
            &[("tokenizer.json", r#"{"normalizer": {"type": "Precompiled", "precompiled_charsmap": "f39/f39/f38="}}"#)],
            "the `tokenizers` library, found a character map with 5 bytes behind the length of its trie, which is 2139062143",
        ),
        (
            // Four pieces without a text, and the same map.
            &[
                xlm,
                (
                    "sentencepiece.bpe.model",
                    "\n\0\n\0\n\0\n\0\u{1a}\n\u{12}\u{8}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}\u{7f}",
                ),
            ],
            "expected a vocabulary, found a character map with 4 bytes behind the length of its trie, which is 2139062143",
        ),
    ] {
        let message = error(files);
        assert!(message.contains(expected), "{files:?}: {message}");
    }
}

/// A tokenizer of the words `a` and `b`, the latter with `id`, and a post-processor.
fn of_words(id: u32, template: &Value) -> Result<TextTokenizer, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let description = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "decoder": null, "post_processor": template,
        "model": {"type": "WordLevel", "vocab": {"a": 0, "b": id}, "unk_token": "a"},
    });
    fs::write(folder.path().join("tokenizer.json"), description.to_string()).unwrap();
    TextTokenizer::load(folder.path())
}

#[test]
fn an_id_that_no_vocabulary_needs_is_refused() {
    let largest = MOST_IDS as u32 - 1;
    let tokenizer = of_words(largest, &Value::Null).unwrap();
    assert_eq!(tokenizer.encode("b", 1).unwrap().content, [largest]);
    assert_eq!((tokenizer.vocabulary_end(), tokenizer.end()), (MOST_IDS, MOST_IDS));
    for id in [largest + 1, u32::MAX] {
        let message = of_words(id, &Value::Null).err().unwrap().to_string();
        assert!(message.contains(&format!("a vocabulary with ids below 4194304, found {id}")), "{message}");
    }
}

#[test]
fn a_post_processor_has_the_content_once() {
    let template = |single: &[&str]| {
        let piece = |name: &&str| match *name {
            "$" => json!({"Sequence": {"id": "A", "type_id": 0}}),
            name => json!({"SpecialToken": {"id": name, "type_id": 0}}),
        };
        let special = |id: u32, name: &str| json!({"id": name, "ids": [id], "tokens": [name]});
        json!({
            "type": "TemplateProcessing", "single": single.iter().map(piece).collect::<Vec<_>>(),
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"a": special(0, "a"), "b": special(u32::MAX, "b")},
        })
    };
    let tokenizer = of_words(1, &template(&["a", "$", "a"])).unwrap();
    assert_eq!((tokenizer.prefix(), tokenizer.suffix()), ([0].as_slice(), [0].as_slice()));
    for single in [&["$", "$"], &["$", "b"], &["b", "$"]] {
        let message = of_words(1, &template(single)).err().unwrap().to_string();
        assert!(
            message.contains("found its post-processor has the content twice, or a token with the id 4294967295"),
            "{message}"
        );
    }
    let message = of_words(1, &template(&["a"])).err().unwrap().to_string();
    assert!(message.contains("found its post-processor drops the content"), "{message}");
}

/// Long texts of few kinds of characters: what makes cutting hard.
fn hostile_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[a-zäß]{1,9}",
        2 => "[ \\n\\t]{1,4}",
        1 => "[.!?'’-]{1,30}",
        1 => "(can't|we'll|I'd|they're){1,3}",
        1 => "[0-9]{1,20}",
        1 => "[日本語中文字]{1,20}",
        1 => "(👍😜|👩\u{200d}👩\u{200d}👧|🇧🇱🇨🇨|e\u{301}\u{302}\u{303}){1,6}",
        1 => "(<mask>|<s>|<pad>|\\[CLS\\]|\\[MASK\\]|</s>|<unk>| <mask>){1,2}",
        1 => "[\\x00-\\x1f\\u{200b}\\u{feff}\\u{a0}\\u{3000}㍿ﬁ]{1,5}",
        1 => prop_oneof![Just("."), Just("a"), Just("ха"), Just("-"), Just("哈"), Just("\u{301}")]
            .prop_flat_map(|unit| (1usize..400).prop_map(move |times| unit.repeat(times))),
    ];
    prop::collection::vec(word, 0..80).prop_map(|words| words.concat())
}

fn all_tokenizers() -> &'static [(TextTokenizer, Tokenizer)] {
    static TOKENIZERS: OnceLock<Vec<(TextTokenizer, Tokenizer)>> = OnceLock::new();
    TOKENIZERS.get_or_init(|| {
        let shared = shared_data("texts cut by real tokenizers").map(|data| data.join("tok"));
        let real = shared.iter().flat_map(|tok| ["xlmr", "roberta", "bert-uncased"].map(|name| tok.join(name)));
        let tiny = ["bert", "distilbert", "roberta", "xlm-roberta"].map(|name| fixtures().join(name));
        real.chain(tiny).map(|folder| (TextTokenizer::load(&folder).unwrap(), library(&folder))).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_cut_text_keeps_the_first_ids_of_the_full_text(text in hostile_text(), max in 1usize..40) {
        for (tokenizer, library) in all_tokenizers() {
            let full = encode_full(library, &text);
            let cut = tokenizer.encode(&text, max).unwrap();
            prop_assert_eq!(&cut.content, &full[..full.len().min(max)]);
            prop_assert_eq!(cut.truncated, full.len() > max);
        }
    }
}

#[test]
fn an_endless_word_keeps_its_first_ids() {
    let folder = fixtures().join("xlm-roberta");
    let (tokenizer, library) = (TextTokenizer::load(&folder).unwrap(), library(&folder));
    for unit in [".", "a", "日本", "ab", "é\u{301}"] {
        let text = unit.repeat(20_000);
        let full = encode_full(&library, &text);
        let cut = tokenizer.encode(&text, 62).unwrap();
        assert_eq!(cut.content, full[..full.len().min(62)], "{unit}");
    }
}

/// Every golden id through every kind of file; the real tokenizers are not shipped with the project.
#[test]
fn equals_all_golden_ids_where_the_shared_data_is_present() {
    let Some(data) = shared_data("golden ids") else { return };
    let folder = |model_type: &str, files: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), json!({ "model_type": model_type }).to_string()).unwrap();
        for (from, to) in files {
            fs::copy(data.join("tok").join(from), folder.path().join(to)).unwrap();
        }
        let tokenizer = TextTokenizer::load(folder.path()).unwrap();
        (folder, tokenizer)
    };
    let sources = [
        ("xlmr", folder("xlm-roberta", &[("xlmr/tokenizer.json", "tokenizer.json")])),
        ("xlmr", folder("xlm-roberta", &[("xlmr/sentencepiece.rebuilt.model", "sentencepiece.bpe.model")])),
        ("roberta", folder("roberta", &[("roberta/tokenizer.json", "tokenizer.json")])),
        ("roberta", folder("roberta", &[("roberta/vocab.json", "vocab.json"), ("roberta/merges.txt", "merges.txt")])),
        ("bert", folder("bert", &[("bert-uncased/tokenizer.json", "tokenizer.json")])),
        ("bert", folder("bert", &[("bert-uncased/vocab.txt", "vocab.txt")])),
    ];
    assert_eq!(sources[0].1.1.fingerprint(), sources[1].1.1.fingerprint(), "tokenized once for both");
    let golden = fs::read_to_string(data.join("texts/golden_ids.jsonl")).unwrap();
    let mut compared = 0;
    for line in golden.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = row["text"].as_str().unwrap();
        for (key, (_, tokenizer)) in &sources {
            let ids: Vec<u32> = serde_json::from_value(row[*key].clone()).unwrap();
            assert_eq!(with_specials(tokenizer, text, 1 << 20), ids, "{key}");
            let cut = with_specials(tokenizer, text, 32);
            let content = &ids[tokenizer.prefix().len()..ids.len() - tokenizer.suffix().len()];
            assert_eq!(cut[1..cut.len() - 1], content[..content.len().min(30)], "{key}");
            compared += 1;
        }
    }
    assert_eq!(compared, sources.len() * golden.lines().count());
}
