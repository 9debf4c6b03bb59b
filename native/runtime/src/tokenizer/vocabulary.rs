//! Tokenizers from bare vocabulary files, assembled as `transformers` converts its slow tokenizers
//! (`convert_slow_tokenizer.py`: `RobertaConverter`, `BertConverter`).

use std::path::Path;

use serde_json::Value;
use tokenizers::{
    AddedToken, Error, Tokenizer,
    models::{bpe::BPE, wordpiece::WordPiece},
    normalizers::BertNormalizer,
    pre_tokenizers::{bert::BertPreTokenizer, byte_level::ByteLevel},
    processors::{roberta::RobertaProcessing, template::TemplateProcessing},
};

/// What `tokenizer_config.json` and `special_tokens_map.json` say, where they are there.
#[derive(Default)]
pub struct Settings {
    config: Value,
    special: Value,
}

impl Settings {
    pub fn read(config: Option<Value>, special: Option<Value>) -> Self {
        Self { config: config.unwrap_or_default(), special: special.unwrap_or_default() }
    }

    /// The special token of a role such as `cls_token`: a string, or an object with `content`.
    pub fn token(&self, role: &str, default: &str) -> String {
        [&self.special, &self.config]
            .into_iter()
            .filter_map(|map| map.get(role))
            .find_map(|token| token.as_str().or_else(|| token.get("content")?.as_str()))
            .unwrap_or(default)
            .to_owned()
    }

    /// `mask_token`, which takes the blanks before it unless the files say otherwise, as in `transformers`.
    pub fn mask(&self, default: &str, takes_blanks: bool) -> AddedToken {
        let stated =
            [&self.special, &self.config].into_iter().find_map(|map| map.get("mask_token")?.get("lstrip")?.as_bool());
        AddedToken::from(self.token("mask_token", default), true).lstrip(stated.unwrap_or(takes_blanks))
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.config.get(name).and_then(Value::as_bool)
    }
}

/// RoBERTa: byte-level BPE, `<s> text </s>`.
pub fn byte_level_bpe(vocabulary: &Path, merges: &Path, settings: &Settings) -> Result<Tokenizer, Error> {
    let model = BPE::from_file(&vocabulary.to_string_lossy(), &merges.to_string_lossy())
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix(String::new())
        .build()?;
    let prefix_space = settings.flag("add_prefix_space").unwrap_or(false);
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(prefix_space, true, true)));
    let (cls, sep) = (settings.token("cls_token", "<s>"), settings.token("sep_token", "</s>"));
    let processing = RobertaProcessing::new((sep.clone(), id(&tokenizer, &sep)?), (cls.clone(), id(&tokenizer, &cls)?))
        .add_prefix_space(prefix_space);
    tokenizer.with_post_processor(Some(processing));
    let roles = [("bos_token", "<s>"), ("pad_token", "<pad>"), ("eos_token", "</s>"), ("unk_token", "<unk>")];
    let tokens = roles.map(|(role, default)| settings.token(role, default));
    add_special_tokens(&mut tokenizer, tokens, settings.mask("<mask>", true))?;
    Ok(tokenizer)
}

/// BERT: WordPiece, `[CLS] text [SEP]`, lower-cased unless the config says otherwise.
pub fn word_piece(vocabulary: &Path, settings: &Settings) -> Result<Tokenizer, Error> {
    let unknown = settings.token("unk_token", "[UNK]");
    let model = WordPiece::from_file(&vocabulary.to_string_lossy()).unk_token(unknown.clone()).build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(BertNormalizer::new(
        true,
        settings.flag("tokenize_chinese_chars").unwrap_or(true),
        settings.flag("strip_accents"),
        settings.flag("do_lower_case").unwrap_or(true),
    )))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    surround(&mut tokenizer, &settings.token("cls_token", "[CLS]"), &settings.token("sep_token", "[SEP]"))?;
    let roles = [("pad_token", "[PAD]"), ("cls_token", "[CLS]"), ("sep_token", "[SEP]")];
    let [pad, cls, sep] = roles.map(|(role, default)| settings.token(role, default));
    add_special_tokens(&mut tokenizer, [pad, unknown, cls, sep], settings.mask("[MASK]", false))?;
    Ok(tokenizer)
}

/// Puts `first` before and `last` behind every text.
pub fn surround(tokenizer: &mut Tokenizer, first: &str, last: &str) -> Result<(), Error> {
    let processing = TemplateProcessing::builder()
        .try_single(format!("{first} $A {last}"))?
        .try_pair(format!("{first} $A {last} {last} $B {last}"))?
        .special_tokens(vec![(first, id(tokenizer, first)?), (last, id(tokenizer, last)?)])
        .build()?;
    tokenizer.with_post_processor(Some(processing));
    Ok(())
}

/// Makes the tokens special: written out in a text, they become one id.
pub fn add_special_tokens<const N: usize>(
    tokenizer: &mut Tokenizer,
    tokens: [String; N],
    mask: AddedToken,
) -> Result<(), Error> {
    for token in tokens.map(|token| AddedToken::from(token, true)).into_iter().chain([mask]) {
        // A token outside the vocabulary would get a new id that the embedding table does not have.
        if tokenizer.token_to_id(&token.content).is_some() {
            tokenizer.add_special_tokens([token])?;
        }
    }
    Ok(())
}

fn id(tokenizer: &Tokenizer, token: &str) -> Result<u32, Error> {
    tokenizer.token_to_id(token).ok_or_else(|| format!("the special token {token} is not in the vocabulary").into())
}
