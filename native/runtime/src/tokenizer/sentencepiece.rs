//! XLM-RoBERTa's tokenizer from `sentencepiece.bpe.model` alone.
//!
//! The file is a protobuf (`sentencepiece_model.proto`): pieces with scores, and a precompiled
//! character map. `transformers` renumbers the pieces to fairseq's vocabulary: `<s> <pad> </s> <unk>`
//! first, then the pieces behind SentencePiece's own three, `<mask>` last.

use std::{fs, path::Path};

use prost::Message;
use tokenizers::{
    Error, Tokenizer,
    models::unigram::Unigram,
    normalizers::Precompiled,
    pre_tokenizers::{
        metaspace::{Metaspace, PrependScheme},
        sequence::Sequence,
        whitespace::WhitespaceSplit,
    },
};

use super::vocabulary::{Settings, add_special_tokens, surround};

/// `trainer_spec.model_type` of a unigram model.
const UNIGRAM: i32 = 1;
/// SentencePiece's own `<unk>`, `<s>` and `</s>`.
const OWN_SPECIAL_PIECES: usize = 3;
/// fairseq's first ids.
const FAIRSEQ: [&str; 4] = ["<s>", "<pad>", "</s>", "<unk>"];
const UNKNOWN_ID: usize = 3;

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    trainer_spec: Option<TrainerSpec>,
    #[prost(message, optional, tag = "3")]
    normalizer_spec: Option<NormalizerSpec>,
}

#[derive(Clone, PartialEq, Message)]
struct Piece {
    #[prost(string, optional, tag = "1")]
    piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
struct TrainerSpec {
    #[prost(int32, optional, tag = "3")]
    model_type: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct NormalizerSpec {
    #[prost(bytes = "vec", optional, tag = "2")]
    precompiled_charsmap: Option<Vec<u8>>,
}

pub fn xlm_roberta(path: &Path, settings: &Settings) -> Result<Tokenizer, Error> {
    let model = ModelProto::decode(fs::read(path)?.as_slice()).map_err(|_| "not a SentencePiece model")?;
    let kind = model.trainer_spec.and_then(|spec| spec.model_type).unwrap_or(UNIGRAM);
    if kind != UNIGRAM {
        return Err(format!("model type {kind}; XLM-RoBERTa's is unigram ({UNIGRAM})").into());
    }
    if model.pieces.len() <= OWN_SPECIAL_PIECES {
        return Err("a SentencePiece model without pieces".into());
    }
    let special = |token: &str| (token.to_owned(), 0.0);
    let pieces = model.pieces.into_iter().skip(OWN_SPECIAL_PIECES);
    let vocabulary = FAIRSEQ
        .iter()
        .map(|token| special(token))
        .chain(pieces.map(|piece| (piece.piece.unwrap_or_default(), f64::from(piece.score.unwrap_or_default()))))
        .chain([special("<mask>")])
        .collect();

    let mut tokenizer = Tokenizer::new(Unigram::from(vocabulary, Some(UNKNOWN_ID), false)?);
    let charsmap = model.normalizer_spec.and_then(|spec| spec.precompiled_charsmap).unwrap_or_default();
    if !charsmap.is_empty() {
        let normalizer = Precompiled::from(&charsmap).map_err(|error| format!("its character map: {error}"))?;
        tokenizer.with_normalizer(Some(normalizer))?;
    }
    tokenizer.with_pre_tokenizer(Some(Sequence::new(vec![
        WhitespaceSplit.into(),
        Metaspace::new('▁', PrependScheme::Always, true).into(),
    ])));
    surround(&mut tokenizer, &settings.token("cls_token", "<s>"), &settings.token("sep_token", "</s>"))?;
    add_special_tokens(&mut tokenizer, FAIRSEQ.map(str::to_owned), settings.mask("<mask>", true))?;
    Ok(tokenizer)
}
