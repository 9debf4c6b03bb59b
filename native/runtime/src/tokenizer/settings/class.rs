//! The classes of tokenizers that are obeyed, with what they take for granted.
//!
//! Names, defaults and wraps are those of transformers 4.57 (`models/*/tokenization_*_fast.py`, and
//! `tokenization_*.py` for bare vocabularies).

use tokenizers::AddedToken;

use super::tokens::{Named, Role};

/// What a class makes of its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// WordPiece, with settings that change its normalizer.
    Bert,
    /// The same, with RoBERTa's special tokens.
    Mpnet,
    /// Byte-level BPE.
    Roberta,
    /// SentencePiece's Unigram.
    XlmRoberta,
    /// All that matters is in `tokenizer.json`.
    Complete,
}

#[derive(Debug)]
pub struct Class {
    /// Without the `Fast` that it may end in.
    pub name: &'static str,
    pub family: Family,
    tokens: &'static [(Role, &'static str)],
    additional: &'static [&'static str],
    wrap: Wrap,
}

/// Which special tokens a class describes that are given by their content alone: they replace what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrap {
    None,
    /// The mask, which takes the blanks before it.
    Mask,
    /// That, and all others.
    All,
}

const BRACKETS: &[(Role, &str)] = &[
    (Role::Unknown, "[UNK]"),
    (Role::Separator, "[SEP]"),
    (Role::Padding, "[PAD]"),
    (Role::Classification, "[CLS]"),
    (Role::Mask, "[MASK]"),
];
const BRACKETS_WITH_ENDS: &[(Role, &str)] = &[
    (Role::Beginning, "[CLS]"),
    (Role::End, "[SEP]"),
    (Role::Unknown, "[UNK]"),
    (Role::Separator, "[SEP]"),
    (Role::Padding, "[PAD]"),
    (Role::Classification, "[CLS]"),
    (Role::Mask, "[MASK]"),
];
const ANGLES: &[(Role, &str)] = &[
    (Role::Beginning, "<s>"),
    (Role::End, "</s>"),
    (Role::Unknown, "<unk>"),
    (Role::Separator, "</s>"),
    (Role::Padding, "<pad>"),
    (Role::Classification, "<s>"),
    (Role::Mask, "<mask>"),
];
const ALBERT: &[(Role, &str)] = &[
    (Role::Beginning, "[CLS]"),
    (Role::End, "[SEP]"),
    (Role::Unknown, "<unk>"),
    (Role::Separator, "[SEP]"),
    (Role::Padding, "<pad>"),
    (Role::Classification, "[CLS]"),
    (Role::Mask, "[MASK]"),
];
const BIG_BIRD: &[(Role, &str)] = &[
    (Role::Beginning, "<s>"),
    (Role::End, "</s>"),
    (Role::Unknown, "<unk>"),
    (Role::Separator, "[SEP]"),
    (Role::Padding, "<pad>"),
    (Role::Classification, "[CLS]"),
    (Role::Mask, "[MASK]"),
];
const MPNET: &[(Role, &str)] = &[
    (Role::Beginning, "<s>"),
    (Role::End, "</s>"),
    (Role::Unknown, "[UNK]"),
    (Role::Separator, "</s>"),
    (Role::Padding, "<pad>"),
    (Role::Classification, "<s>"),
    (Role::Mask, "<mask>"),
];

/// What version 5 calls a tokenizer that is all in its file; 4.57 does not know it.
const BACKEND: &str = "TokenizersBackend";

static CLASSES: [Class; 20] = [
    complete("AlbertTokenizer", ALBERT, Wrap::Mask),
    roberta("BartTokenizer"),
    bert("BertTokenizer"),
    complete("BigBirdTokenizer", BIG_BIRD, Wrap::All),
    Class {
        additional: &["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"],
        ..complete("CamembertTokenizer", ANGLES, Wrap::Mask)
    },
    bert("ConvBertTokenizer"),
    complete("DebertaTokenizer", BRACKETS_WITH_ENDS, Wrap::None),
    complete("DebertaV2Tokenizer", BRACKETS_WITH_ENDS, Wrap::None),
    bert("DistilBertTokenizer"),
    bert("ElectraTokenizer"),
    bert("LayoutLMTokenizer"),
    roberta("LongformerTokenizer"),
    Class { family: Family::Mpnet, ..complete("MPNetTokenizer", MPNET, Wrap::All) },
    bert("MobileBertTokenizer"),
    complete("PreTrainedTokenizer", &[], Wrap::None),
    bert("RetriBertTokenizer"),
    roberta("RobertaTokenizer"),
    bert("SqueezeBertTokenizer"),
    complete(BACKEND, &[], Wrap::None),
    Class { family: Family::XlmRoberta, ..complete("XLMRobertaTokenizer", ANGLES, Wrap::Mask) },
];

const fn complete(name: &'static str, tokens: &'static [(Role, &'static str)], wrap: Wrap) -> Class {
    Class { name, family: Family::Complete, tokens, additional: &[], wrap }
}

const fn bert(name: &'static str) -> Class {
    Class { family: Family::Bert, ..complete(name, BRACKETS, Wrap::None) }
}

const fn roberta(name: &'static str) -> Class {
    Class { family: Family::Roberta, ..complete(name, ANGLES, Wrap::Mask) }
}

/// The class that `transformers` takes for a `model_type` whose files name none.
const OF_MODEL_TYPE: [(&str, &str); 22] = [
    ("albert", "AlbertTokenizer"),
    ("bart", "BartTokenizer"),
    ("bert", "BertTokenizer"),
    ("big_bird", "BigBirdTokenizer"),
    ("camembert", "CamembertTokenizer"),
    ("convbert", "ConvBertTokenizer"),
    ("data2vec-text", "RobertaTokenizer"),
    ("deberta", "DebertaTokenizer"),
    ("deberta-v2", "DebertaV2Tokenizer"),
    ("distilbert", "DistilBertTokenizer"),
    ("electra", "ElectraTokenizer"),
    ("ernie", "BertTokenizer"),
    ("layoutlm", "LayoutLMTokenizer"),
    ("longformer", "LongformerTokenizer"),
    ("megatron-bert", "BertTokenizer"),
    ("mobilebert", "MobileBertTokenizer"),
    ("modernbert", "PreTrainedTokenizer"),
    ("mpnet", "MPNetTokenizer"),
    ("nystromformer", "AlbertTokenizer"),
    ("roberta", "RobertaTokenizer"),
    ("squeezebert", "SqueezeBertTokenizer"),
    ("xlm-roberta", "XLMRobertaTokenizer"),
];

impl Class {
    /// The class of this name, with or without `Fast`.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.strip_suffix("Fast").unwrap_or(name);
        CLASSES.iter().find(|class| class.name == name)
    }

    pub fn of_model_type(model_type: &str) -> Option<&'static Self> {
        OF_MODEL_TYPE.iter().find(|(known, _)| *known == model_type).and_then(|(_, class)| Self::named(class))
    }

    /// A tokenizer that is all in its file.
    pub fn complete() -> &'static Self {
        Self::named("PreTrainedTokenizer").expect("it is in the list")
    }

    /// Whether a setting that is not stated leaves a description's pre-tokenizer as it is; others set its default.
    pub fn leaves_pre_tokenizer(&self) -> bool {
        self.name == BACKEND
    }

    /// All names, for messages.
    pub fn names() -> String {
        CLASSES.each_ref().map(|class| class.name).join(", ")
    }

    /// The special token of a role that has none of its own.
    pub fn default_token(&self, role: Role) -> Option<Named> {
        let token = self.tokens.iter().find(|(known, _)| *known == role);
        token.map(|&(_, content)| Named::Content(content.to_owned()))
    }

    pub fn default_additional(&self) -> Vec<Named> {
        self.additional.iter().map(|&content| Named::Content(content.to_owned())).collect()
    }

    /// What the class makes of a role's token. A bare vocabulary is read by another constructor.
    pub fn wrap(&self, role: Role, token: Named, of_vocabulary: bool) -> Named {
        let is_mask = role == Role::Mask;
        let wraps = match self.wrap {
            Wrap::None => false,
            Wrap::Mask => is_mask || (of_vocabulary && self.family == Family::Roberta),
            Wrap::All => true,
        };
        match token {
            Named::Content(content) if wraps => Named::Token(AddedToken::from(content, true).lstrip(is_mask)),
            token => token,
        }
    }
}
