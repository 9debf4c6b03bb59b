//! What a tokenizer becomes by its settings.

use std::collections::BTreeMap;

use serde_json::Value;
use tokenizers::{
    AddedToken, Error, ModelWrapper, NormalizedString, Normalizer, NormalizerWrapper, PreTokenizerWrapper, Tokenizer,
    normalizers::BertNormalizer,
};

use super::{Family, Named, Settings};

impl Settings {
    /// Changes a tokenizer as the class changes it that reads it.
    pub fn apply(&self, tokenizer: &mut Tokenizer) -> Result<(), Error> {
        let before = self.is_complete.then(|| parts(tokenizer)).transpose()?;
        self.add_tokens(tokenizer)?;
        self.change_normalizer(tokenizer)?;
        self.change_pre_tokenizer(tokenizer);
        if before.is_some_and(|before| parts(tokenizer).is_ok_and(|after| after != before)) {
            return Err("its settings contradict it, which versions of transformers resolve differently \
                        (`extra_special_tokens` is a list, as version 5 writes it)"
                .into());
        }
        tokenizer.set_encode_special_tokens(self.split_special_tokens);
        if let ModelWrapper::BPE(model) = tokenizer.get_model()
            && model.dropout.is_some()
        {
            // A text has the same ids every time.
            let mut model = model.clone();
            model.dropout = None;
            tokenizer.with_model(model);
        }
        Ok(())
    }

    fn add_tokens(&self, tokenizer: &mut Tokenizer) -> Result<(), Error> {
        let own: Vec<AddedToken> = tokenizer.get_added_tokens_decoder().into_values().collect();
        let stated: Vec<&AddedToken> = self.added.values().collect();
        let is_known = |content: &str| own.iter().chain(stated.iter().copied()).any(|token| token.content == content);
        // Each content once, but for additional tokens that come twice.
        let mut roles: Vec<&Named> = Vec::new();
        for (_, token) in &self.special {
            if !roles.iter().any(|other| other.content() == token.content()) {
                roles.push(token);
            }
        }
        let additional =
            self.additional.iter().filter(|token| !roles.iter().any(|role| role.content() == token.content()));
        let named: Vec<&Named> = roles.iter().copied().chain(additional).collect();
        let is_special = |content: &str| named.iter().any(|token| token.content() == content);
        // A content that is known stays as it is; a description replaces what is known.
        let new = named.iter().filter(|token| match token {
            Named::Content(content) => !is_known(content),
            Named::Token(token) => !stated.contains(&token),
        });
        // Those that a bare vocabulary has itself stay as they are.
        let is_kept =
            |token: &&&AddedToken| self.implies_flags() && own.iter().any(|known| known.content == token.content);
        let added = stated
            .iter()
            .filter(|token| !is_kept(token))
            .map(|&token| token.clone().special(token.special || is_special(&token.content)));
        let tokens: Vec<AddedToken> = added.chain(new.map(|token| token.special())).collect();
        tokenizer.add_tokens(tokens)?;
        self.check_ids(tokenizer)?;
        match self.contradiction(&own, is_special, tokenizer) {
            None => Ok(()),
            Some(content) => Err(format!(
                "the added token {content:?} is stated with `normalized` and without, where versions of the tokenizers \
                 library differ; state it alike in all files"
            )
            .into()),
        }
    }

    /// Whether flags of added tokens follow from where they are named, and when that is read.
    fn implies_flags(&self) -> bool {
        self.of_vocabulary && !self.has_decoder
    }

    /// A token that one statement looks for in the text as it is and another in what the normalizer makes of it: versions
    /// of the `tokenizers` library differ in which holds. `own` had been added before the settings were applied.
    fn contradiction(
        &self,
        own: &[AddedToken],
        is_special: impl Fn(&str) -> bool,
        tokenizer: &Tokenizer,
    ) -> Option<String> {
        tokenizer.get_normalizer()?;
        let now = tokenizer.get_added_tokens_decoder();
        let changed = own.iter().find(|token| differs(now.values(), token));
        let additional = self.additional.iter().filter_map(|token| match token {
            Named::Token(token) => Some(token),
            Named::Content(_) => None,
        });
        let mut additional = additional.filter(|token| {
            let is_stated = self.added.values().any(|other| other.content == token.content);
            is_stated && (self.implies_flags() || differs(self.added.values(), token))
        });
        // A converted vocabulary has had its special tokens added once before.
        let is_converted = self.of_vocabulary && self.has_decoder;
        let mut twice =
            self.added.values().filter(|token| is_converted && token.normalized && is_special(&token.content));
        changed.or_else(|| additional.next()).or_else(|| twice.next()).map(|token| token.content.clone())
    }

    /// Refuses tokens that are stated with another id than they have.
    fn check_ids(&self, tokenizer: &Tokenizer) -> Result<(), Error> {
        match self.added.iter().find(|(id, token)| tokenizer.token_to_id(&token.content) != Some(**id)) {
            None => Ok(()),
            Some((id, AddedToken { content, .. })) => {
                let found = tokenizer.token_to_id(content).map_or("none".to_owned(), |found| found.to_string());
                Err(format!("the added token {content:?} is stated with the id {id} and has {found}").into())
            }
        }
    }

    fn change_normalizer(&self, tokenizer: &mut Tokenizer) -> Result<(), Error> {
        if !matches!(self.class.family, Family::Bert | Family::Mpnet) {
            return Ok(());
        }
        let own = tokenizer.get_normalizer().ok_or_else(|| format!("a {} without a normalizer", self.class.name))?;
        // The class asks other normalizers for settings that they do not have.
        let NormalizerWrapper::BertNormalizer(own) = own else { return Ok(()) };
        let chinese = match self.class.family {
            Family::Bert => self.tokenize_chinese_chars,
            _ => own.handle_chinese_chars,
        };
        let changed = BertNormalizer::new(own.clean_text, chinese, self.strip_accents, self.lower_case);
        let before = if self.is_converted_plain { BertNormalizer::new(true, false, Some(false), false) } else { *own };
        let normalized = tokenizer.get_added_tokens_decoder().into_values().filter(|token| token.normalized);
        for AddedToken { content, .. } in normalized {
            if normalize(before, &content)? != normalize(changed, &content)? {
                return Err(format!(
                    "the added token {content:?} is looked for in normalized text, and the class changes how \
                     text is normalized: versions of transformers differ there"
                )
                .into());
            }
        }
        tokenizer.with_normalizer(Some(changed))?;
        Ok(())
    }

    fn change_pre_tokenizer(&self, tokenizer: &mut Tokenizer) {
        if self.add_prefix_space.is_none() && self.class.leaves_pre_tokenizer() {
            return;
        }
        if let Some(PreTokenizerWrapper::ByteLevel(own)) = tokenizer.get_pre_tokenizer() {
            let changed = own.add_prefix_space(self.add_prefix_space.unwrap_or(false));
            tokenizer.with_pre_tokenizer(Some(changed));
        }
    }
}

/// Whether one of `others` says of the same content that it is looked for in another text.
fn differs<'a>(mut others: impl Iterator<Item = &'a AddedToken>, token: &AddedToken) -> bool {
    others.any(|other| other.content == token.content && other.normalized != token.normalized)
}

/// What settings may change of a tokenizer.
fn parts(tokenizer: &Tokenizer) -> Result<Value, Error> {
    let added: BTreeMap<u32, AddedToken> = tokenizer.get_added_tokens_decoder().into_iter().collect();
    Ok(serde_json::json!([
        serde_json::to_value(tokenizer.get_normalizer())?,
        serde_json::to_value(tokenizer.get_pre_tokenizer())?,
        added
            .into_iter()
            .map(|(id, token)| Ok((id, serde_json::to_value(token)?)))
            .collect::<Result<Vec<_>, serde_json::Error>>()?,
    ]))
}

fn normalize(normalizer: BertNormalizer, content: &str) -> Result<String, Error> {
    let mut text = NormalizedString::from(content);
    normalizer.normalize(&mut text)?;
    Ok(text.get().to_owned())
}
