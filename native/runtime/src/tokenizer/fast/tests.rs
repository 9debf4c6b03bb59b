//! Every id against the library's.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use proptest::prelude::*;
use serde_json::{Value, json};
use tokenizers::{
    AddedToken, Tokenizer,
    models::{TrainerWrapper, bpe::BpeTrainer, unigram::UnigramTrainer},
    pre_tokenizers::byte_level::ByteLevel,
};

use super::Fast;
use crate::tokenizer::tests::{described, project, shared_data};

/// Pieces of the vocabularies that are trained here.
const TRAINED_PIECES: usize = 12_000;

struct Pair {
    name: String,
    fast: Fast,
    library: Tokenizer,
}

impl Pair {
    fn new(name: &str, library: Tokenizer) -> Self {
        let fast = Fast::from_tokenizer(&library).unwrap_or_else(|| panic!("{name} is not covered"));
        Self { name: name.to_owned(), fast, library }
    }

    fn full(&self, text: &str) -> Vec<u32> {
        self.library.encode_fast(text, false).unwrap().get_ids().to_vec()
    }
}

/// A tokenizer as other versions of `transformers` write it.
fn variant(of: &Path, change: impl FnOnce(&mut Value)) -> Tokenizer {
    let mut description: Value = serde_json::from_str(&described(of).unwrap().to_string(false).unwrap()).unwrap();
    change(&mut description);
    serde_json::from_value(description).unwrap()
}

fn tiny_pairs() -> &'static [Pair] {
    static PAIRS: OnceLock<Vec<Pair>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let fixtures = project().join("native/fixtures");
        let starter = project().join("models/starter");
        let folders = [
            fixtures.join("roberta"),
            fixtures.join("xlm-roberta"),
            starter.join("cardiffnlp"),
            starter.join("jy46604790"),
        ];
        let plain = folders.iter().map(|folder| Pair::new(&folder.display().to_string(), described(folder).unwrap()));
        let [roberta, xlm_roberta, ..] = &folders;
        let metaspace =
            |scheme: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true});
        let replace = |content: &str| json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": content});
        let strip = json!({"type": "Strip", "strip_left": false, "strip_right": true});
        // The character map, and what follows it.
        let sequence = |normalizer: &Value, parts: &[Value]| {
            let map = normalizer["normalizers"].get(0).unwrap_or(normalizer);
            let all: Vec<&Value> = std::iter::once(map).chain(parts).collect();
            json!({"type": "Sequence", "normalizers": all})
        };
        let variants = [
            Pair::new(
                "with replace",
                variant(xlm_roberta, |description| {
                    description["normalizer"] = sequence(&description["normalizer"], &[replace(" ")]);
                }),
            ),
            Pair::new(
                "with strip, replace and metaspace",
                variant(xlm_roberta, |description| {
                    description["normalizer"] = sequence(&description["normalizer"], &[strip.clone(), replace("▁")]);
                    description["pre_tokenizer"] = metaspace("always");
                }),
            ),
            Pair::new(
                "with metaspace that prepends nothing",
                variant(xlm_roberta, |description| {
                    description["pre_tokenizer"] = metaspace("never");
                }),
            ),
            Pair::new(
                "with tokens in normalized text",
                variant(xlm_roberta, |description| {
                    let tokens = description["added_tokens"].as_array_mut().unwrap();
                    for token in tokens.iter_mut() {
                        token["normalized"] = json!(true);
                    }
                    tokens[2]["rstrip"] = json!(true);
                }),
            ),
            Pair::new(
                "with tokens in normalized text between marks",
                variant(xlm_roberta, |description| {
                    description["normalizer"] = sequence(&description["normalizer"], &[strip.clone(), replace("▁")]);
                    description["pre_tokenizer"] = metaspace("always");
                    let mask = description["added_tokens"].as_array_mut().unwrap().last_mut().unwrap();
                    mask["normalized"] = json!(true);
                    mask["lstrip"] = json!(true);
                }),
            ),
            Pair::new(
                "without normalizer",
                variant(xlm_roberta, |description| {
                    description["normalizer"] = Value::Null;
                    description["added_tokens"][1]["normalized"] = json!(true);
                    description["added_tokens"][2]["rstrip"] = json!(true);
                }),
            ),
            Pair::new(
                "with prefix space",
                variant(roberta, |description| {
                    description["pre_tokenizer"]["add_prefix_space"] = json!(true);
                    description["added_tokens"][0]["normalized"] = json!(false);
                }),
            ),
        ];
        plain.chain(variants).collect()
    })
}

/// Vocabularies of a middle size, trained on the starter's corpus: many long pieces, and scores of real words.
fn trained_pairs() -> &'static [Pair] {
    static PAIRS: OnceLock<Vec<Pair>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let starter = project().join("models/starter");
        let specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"].map(|name| AddedToken::from(name, true)).to_vec();
        let unigram = UnigramTrainer::builder()
            .show_progress(false)
            .vocab_size(TRAINED_PIECES as u32)
            .special_tokens(specials.clone())
            .unk_token(Some("<unk>".to_owned()))
            .build()
            .unwrap();
        let bpe = BpeTrainer::builder()
            .show_progress(false)
            .vocab_size(TRAINED_PIECES)
            .special_tokens(specials)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        let trainers = [("cardiffnlp", unigram.into()), ("jy46604790", TrainerWrapper::from(bpe))];
        let pairs = trainers.into_iter().map(|(name, mut trainer)| {
            let mut library = described(&starter.join(name)).unwrap();
            library.train(&mut trainer, corpus(&starter.join("corpus")).into_iter()).unwrap();
            assert!(library.get_vocab_size(false) > TRAINED_PIECES * 9 / 10, "{name}");
            Pair::new(&format!("{name}, trained"), library)
        });
        pairs.collect()
    })
}

/// All lines of a folder's files.
fn corpus(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<PathBuf> = entries.collect();
    entries.sort();
    let lines = |path: &PathBuf| {
        let text = || fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
        if path.is_dir() { corpus(path) } else { text() }
    };
    entries.iter().flat_map(lines).collect()
}

fn real_pairs() -> &'static [Pair] {
    static PAIRS: OnceLock<Vec<Pair>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let folder = shared_data("the tokenizers of XLM-RoBERTa and RoBERTa").map(|data| data.join("tok"));
        let names = folder.iter().flat_map(|folder| ["xlmr", "roberta"].map(|name| (name, folder.join(name))));
        names.map(|(name, folder)| Pair::new(name, described(&folder).unwrap())).collect()
    })
}

/// Blanks, marks, joiners, special tokens, control characters, repetitions and everything else.
fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Zäßéøñ]{1,9}",
        3 => "[ \\t\\n\\r\\u{a0}\\u{3000}\\u{85}\\u{2028}]{1,4}",
        2 => "[▁ ]{1,4}",
        2 => "\\PC{1,8}",
        1 => "(can't|we'll|I'd|they're|'S|''s|x's){1,3}",
        1 => "[.!?'’,;:%$#@*/\\\\-]{1,12}",
        1 => "[0-9²½Ⅳ٣]{1,8}",
        1 => "[日本語中文字，。、！１２３ｱﾊﾟ]{1,12}",
        1 => "(한국어|각|각|ᄒ|ᅡ){1,4}",
        1 => "(नमस्ते|क्षि|ไทยน้ำ|שָׁלוֹם|مُحَمَّد|தமிழ்|ᠮᠣᠩᠭᠣᠯ){1,3}",
        1 => "(👍🏽|👩\u{200d}👩\u{200d}👧|🇧🇱|🇨🇨|🇨|❤\u{fe0f}|1\u{fe0f}\u{20e3}|\u{200d}|\u{fe0f}|🏽){1,5}",
        1 => "[eao][\u{301}\u{302}\u{303}\u{323}\u{20dd}]{1,6}",
        1 => "[\u{300}-\u{36f}]{1,4}",
        2 => "(<mask>|<s>|<pad>|</s>|<unk>| <mask>|<mask> |<|<s|mask>|<unk><unk>|＜mask＞|＜s>|<<mask>>){1,3}",
        1 => "[\\x00-\\x1f\\x7f\\u{80}-\\u{9f}\\u{200b}-\\u{200f}\\u{feff}\\u{fffd}\\u{ad}㍿ﬁ™ǆ½]{1,5}",
        1 => "[\\u{e000}-\\u{e010}\\u{10fff0}-\\u{10ffff}\\u{1d400}-\\u{1d410}]{1,4}",
        1 => prop_oneof![
            Just("."), Just("a"), Just("ха"), Just("-"), Just("哈"), Just("\u{301}"), Just("ab"), Just(" "), Just("▁"),
            Just("\u{e000}"), Just("="), Just("👍"), Just("!?"), Just("\r\n"), Just("<unk>")
        ]
        .prop_flat_map(|unit| (1usize..300).prop_map(move |times| unit.repeat(times))),
    ];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
}

fn check(pair: &Pair, text: &str) -> Result<(), TestCaseError> {
    let full = pair.full(text);
    // Every length for short texts; for longer ones those at the ends.
    let lengths = (0..full.len() + 2).filter(|max| full.len() < 60 || *max < 20 || full.len() - 5 < *max);
    for max in lengths.chain([usize::MAX]) {
        let encoded = pair.fast.encode(text, max);
        prop_assert_eq!(&encoded.content, &full[..full.len().min(max)], "{} at {}", pair.name, max);
        prop_assert_eq!(encoded.truncated, full.len() > max, "{} at {}", pair.name, max);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn ids_are_those_of_the_library(text in text()) {
        for pair in tiny_pairs().iter().chain(trained_pairs()) {
            check(pair, &text)?;
        }
    }

    #[test]
    fn ids_are_those_of_the_library_for_real_tokenizers(text in text()) {
        for pair in real_pairs() {
            check(pair, &text)?;
        }
    }
}

#[test]
fn endless_words_are_cut_where_their_ids_are_certain() {
    for pair in tiny_pairs().iter().chain(trained_pairs()).chain(real_pairs()) {
        for unit in [".", "a", "日本", "ab", "é\u{301}", " ", "xyzzy", "thequickbrownfox", "\u{e000}", "!?", "नम", "🇨🇨"]
        {
            let text = unit.repeat(20_000);
            let full = pair.full(&text);
            for max in [0, 1, 30, 62, 510, 5000, usize::MAX] {
                let cut = pair.fast.encode(&text, max);
                assert_eq!(cut.content, full[..full.len().min(max)], "{} {unit} {max}", pair.name);
                assert_eq!(cut.truncated, full.len() > max, "{} {unit} {max}", pair.name);
            }
        }
    }
}

#[test]
fn every_character_alone_and_between_letters() {
    // The last two planes are for private use: nothing in them is unlike the rest.
    let codes: Vec<u32> = (0..0x2_0000).chain(0xe_0000..0xe_1000).collect();
    for pair in tiny_pairs().iter().take(2).chain(trained_pairs()).chain(real_pairs()) {
        for chunk in codes.chunks(1 << 9) {
            let characters = || chunk.iter().filter_map(|code| char::from_u32(*code));
            let between: String = characters().flat_map(|character| ['x', character, 'y', ' ']).collect();
            let alone: String = characters().collect();
            for text in [between, alone] {
                assert_eq!(
                    pair.fast.encode(&text, usize::MAX).content,
                    pair.full(&text),
                    "{} {:#x}",
                    pair.name,
                    chunk[0]
                );
            }
        }
    }
}

#[test]
fn the_words_of_the_starters_corpus_have_the_ids_of_the_library() {
    for line in corpus(&project().join("models/starter/corpus")) {
        for pair in trained_pairs() {
            assert_eq!(pair.fast.encode(&line, usize::MAX).content, pair.full(&line), "{}: {line:?}", pair.name);
        }
    }
}

#[test]
fn all_shared_texts_have_the_ids_of_the_library() {
    let Some(data) = shared_data("texts of people and of attackers") else { return };
    for name in ["bench_mix.jsonl", "k6_payloads.jsonl", "edge_blns.jsonl"] {
        let lines = fs::read_to_string(data.join("texts").join(name)).unwrap();
        for line in lines.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            let text = value.as_str().or_else(|| value["text"].as_str()).unwrap();
            for pair in real_pairs() {
                let full = pair.full(text);
                assert_eq!(pair.fast.encode(text, usize::MAX).content, full, "{}: {text:?}", pair.name);
                let cut = pair.fast.encode(text, 30);
                assert_eq!(cut.content, full[..full.len().min(30)], "{}: {text:?}", pair.name);
            }
        }
    }
}

#[test]
fn what_is_not_covered_is_left_to_the_library() {
    let fixtures = project().join("native/fixtures");
    let refused = |folder: &str, change: &dyn Fn(&mut Value)| {
        Fast::from_tokenizer(&variant(&fixtures.join(folder), change)).is_none()
    };
    assert!(refused("bert", &|_| ()));
    assert!(refused("xlm-roberta", &|description| description["normalizer"] = json!({"type": "NFKC"})));
    assert!(refused("xlm-roberta", &|description| description["added_tokens"][0]["single_word"] = json!(true)));
    assert!(refused("xlm-roberta", &|description| description["model"]["byte_fallback"] = json!(true)));
    assert!(refused("xlm-roberta", &|description| {
        description["pre_tokenizer"]["prepend_scheme"] = json!("first");
    }));
    assert!(refused("roberta", &|description| description["model"]["dropout"] = json!(0.1)));
    assert!(refused("roberta", &|description| description["model"]["ignore_merges"] = json!(true)));
    assert!(refused("roberta", &|description| description["normalizer"] = json!({"type": "Lowercase"})));
    assert!(refused("roberta", &|description| description["pre_tokenizer"]["use_regex"] = json!(false)));
}
