//! XLM-RoBERTa's tokenizer from `sentencepiece.bpe.model` alone.
//!
//! The file is a protobuf (`sentencepiece_model.proto`): pieces with scores, and a precompiled
//! character map. `transformers` renumbers the pieces to fairseq's vocabulary: `<s> <pad> </s> <unk>`
//! first, then the pieces behind SentencePiece's own three, `<mask>` last.

use std::{fs, path::Path};

use prost::Message;
use tokenizers::{
    AddedToken, Error, NormalizerWrapper, PreTokenizerWrapper, Tokenizer,
    models::unigram::Unigram,
    normalizers::{Precompiled, Replace, Sequence as Normalizers, Strip, replace::ReplacePattern},
    pre_tokenizers::{
        metaspace::{Metaspace, PrependScheme},
        sequence::Sequence,
        whitespace::WhitespaceSplit,
    },
};

use super::{character_map, settings::Settings};

/// `trainer_spec.model_type` of a unigram model.
const UNIGRAM: i32 = 1;
/// Stands for a space.
const MARK: char = '▁';
/// SentencePiece's own `<unk>`, `<s>` and `</s>`.
const OWN_SPECIAL_PIECES: usize = 3;
/// `ModelProto.SentencePiece.Type`: what is not ordinary text.
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
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
    /// `piece`.
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
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

/// XLM-RoBERTa's tokenizer, without special tokens around a text (`XLMRobertaConverter`).
pub fn xlm_roberta(path: &Path, settings: &Settings) -> Result<Tokenizer, Error> {
    let model = ModelProto::decode(fs::read(path)?.as_slice()).map_err(|_| "not a SentencePiece model")?;
    let kind = model.trainer_spec.and_then(|spec| spec.model_type).unwrap_or(UNIGRAM);
    if kind != UNIGRAM {
        return Err(format!("model type {kind}; XLM-RoBERTa's is unigram ({UNIGRAM})").into());
    }
    if model.pieces.len() <= OWN_SPECIAL_PIECES {
        return Err("a SentencePiece model without pieces".into());
    }
    let added: Vec<AddedToken> = model.pieces.iter().filter_map(Piece::added).collect();
    let special = |token: &str| (token.to_owned(), 0.0);
    let pieces = model.pieces.into_iter().skip(OWN_SPECIAL_PIECES);
    let vocabulary = FAIRSEQ
        .iter()
        .map(|token| special(token))
        .chain(pieces.map(|piece| (piece.text.unwrap_or_default(), f64::from(piece.score.unwrap_or_default()))))
        .chain([special("<mask>")])
        .collect();

    let mut tokenizer = Tokenizer::new(Unigram::from(vocabulary, Some(UNKNOWN_ID), false)?);
    tokenizer.add_tokens(added)?;
    let charsmap = model.normalizer_spec.and_then(|spec| spec.precompiled_charsmap).unwrap_or_default();
    let map = if charsmap.is_empty() {
        None
    } else {
        character_map::check(&charsmap)?;
        Some(Precompiled::from(&charsmap).map_err(|error| format!("its character map: {error}"))?)
    };
    let metaspace = Metaspace::new(MARK, PrependScheme::Always, true);
    let (normalizer, pre_tokenizer): (NormalizerWrapper, PreTokenizerWrapper) = match map {
        // The same ids, in the form in which tokenizer.json files have it.
        Some(map) if blanks_become_spaces(&map) && !settings.looks_in_normalized_text() => {
            (map.into(), Sequence::new(vec![WhitespaceSplit.into(), metaspace.into()]).into())
        }
        map => {
            let repeated = Replace::new(ReplacePattern::Regex(" {2,}".to_owned()), MARK.to_string())?;
            let parts = map.map(NormalizerWrapper::from).into_iter();
            let parts = parts.chain([Strip::new(false, true).into(), repeated.into()]);
            (Normalizers::new(parts.collect()).into(), metaspace.into())
        }
    };
    tokenizer.with_normalizer(Some(normalizer))?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    Ok(tokenizer)
}

impl Piece {
    /// A piece that is looked for in texts before they are segmented.
    fn added(&self) -> Option<AddedToken> {
        let is_special = match self.kind {
            Some(CONTROL) => true,
            Some(USER_DEFINED) => false,
            _ => return None,
        };
        Some(AddedToken::from(self.text.clone()?, is_special).normalized(false))
    }
}

/// Whether a space is the only blank that is left, and no mark is: then words can be split at white space before they
/// are marked, which is how tokenizer.json files have it, unless blanks are left before added tokens. The next line
/// (U+0085), which SentencePiece's own map leaves alone, ends a word for those and for transformers 5, and is a letter
/// for 4.57.
fn blanks_become_spaces(map: &Precompiled) -> bool {
    let blanks = ('\0'..='\u{ffff}').filter(|character| character.is_whitespace()).chain([MARK]);
    let is_gone = |blank: char| matches!(map.transform(blank.encode_utf8(&mut [0; 4])), Some(" " | ""));
    blanks.filter(|blank| !matches!(blank, ' ' | '\u{85}')).all(is_gone)
}
