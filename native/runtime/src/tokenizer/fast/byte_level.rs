//! RoBERTa's way from a text to ids: cut by GPT-2's pattern, merge the bytes of each piece.

use std::{borrow::Cow, ops::ControlFlow};

use tokenizers::{PreTokenizerWrapper, models::bpe::BPE};

use super::{
    Wanted,
    bpe::{Bpe, Scratch},
    pattern::Pieces,
};

pub struct ByteLevelBpe {
    model: Bpe,
    /// Whether a text that does not begin with a blank gets one.
    prepends_blank: bool,
}

impl ByteLevelBpe {
    /// `None` for a pre-tokenizer or a model that is not covered.
    pub fn new(pre_tokenizer: &PreTokenizerWrapper, model: &BPE) -> Option<Self> {
        match pre_tokenizer {
            PreTokenizerWrapper::ByteLevel(byte_level) if byte_level.use_regex => {
                Some(Self { model: Bpe::new(model)?, prepends_blank: byte_level.add_prefix_space })
            }
            _ => None,
        }
    }

    /// Appends the ids of `text`, a part between added tokens; breaks when there are more than wanted.
    pub fn encode(&self, text: &str, scratch: &mut Scratch, wanted: &mut Wanted) -> ControlFlow<()> {
        let text = if self.prepends_blank && !text.starts_with(' ') {
            Cow::Owned(format!(" {text}"))
        } else {
            Cow::Borrowed(text)
        };
        for piece in Pieces::of(&text) {
            let enough = wanted.missing();
            self.model.encode(piece.as_bytes(), enough, scratch, &mut wanted.ids);
            wanted.more()?;
        }
        ControlFlow::Continue(())
    }
}
