//! Tokenizers from bare vocabulary files, assembled as `transformers` converts its slow tokenizers
//! (`convert_slow_tokenizer.py`: `RobertaConverter`, `BertConverter`, `MPNetConverter`).

use std::path::Path;

use tokenizers::{
    Error, Tokenizer,
    models::{bpe::BPE, wordpiece::WordPiece},
    normalizers::BertNormalizer,
    pre_tokenizers::{bert::BertPreTokenizer, byte_level::ByteLevel},
    processors::template::TemplateProcessing,
};

use super::settings::{Role, Settings};

/// RoBERTa's byte-level BPE.
pub fn byte_level_bpe(vocabulary: &Path, merges: &Path, settings: &Settings) -> Result<Tokenizer, Error> {
    let model = BPE::from_file(&vocabulary.to_string_lossy(), &merges.to_string_lossy())
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix(String::new())
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(settings.add_prefix_space.unwrap_or(false), true, true)));
    Ok(tokenizer)
}

/// BERT's WordPiece, lower-cased unless the settings say otherwise.
pub fn word_piece(vocabulary: &Path, settings: &Settings) -> Result<Tokenizer, Error> {
    let unknown = settings.required(Role::Unknown)?.to_owned();
    let model = WordPiece::from_file(&vocabulary.to_string_lossy()).unk_token(unknown).build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(BertNormalizer::new(
        true,
        settings.tokenize_chinese_chars,
        settings.strip_accents,
        settings.lower_case,
    )))?;
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    Ok(tokenizer)
}

/// Puts `first` before and `last` behind every text.
pub fn surround(tokenizer: &mut Tokenizer, first: &str, last: &str) -> Result<(), Error> {
    let processing = TemplateProcessing::builder()
        .try_single(vec![first, "$A", last])?
        .try_pair(vec![first, "$A", last, last, "$B", last])?
        .special_tokens(vec![(first, id(tokenizer, first)?), (last, id(tokenizer, last)?)])
        .build()?;
    tokenizer.with_post_processor(Some(processing));
    Ok(())
}

fn id(tokenizer: &Tokenizer, token: &str) -> Result<u32, Error> {
    tokenizer.token_to_id(token).ok_or_else(|| format!("the special token {token} is not in the vocabulary").into())
}
