//! Added tokens written out in a text: where it is split before anything else happens.

use std::vec;

use tokenizers::{AddedToken, AddedVocabulary};

/// Tokens that are looked for together; of those that begin at one place, the longest counts.
pub struct AddedTokens {
    tokens: Vec<Token>,
    /// Whether a token begins with this byte.
    begins: [bool; 256],
    /// The only byte that tokens begin with: most have `<` alone, and looking for one byte is fastest.
    only: Option<char>,
}

pub struct Token {
    pub content: String,
    pub id: u32,
    pub takes_blanks_before: bool,
    pub takes_blanks_behind: bool,
}

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Part<'a> {
    Added(u32),
    Text(&'a str),
}

impl Default for AddedTokens {
    fn default() -> Self {
        Self { tokens: Vec::new(), begins: [false; 256], only: None }
    }
}

impl AddedTokens {
    /// The tokens of `vocabulary` that `wanted` chooses; `None` if one of them is of a kind not covered.
    pub fn new(vocabulary: &AddedVocabulary, wanted: impl Fn(&AddedToken) -> bool) -> Option<Self> {
        if vocabulary.get_encode_special_tokens() {
            return None;
        }
        let mut tokens = Vec::new();
        for (id, token) in vocabulary.get_added_tokens_decoder() {
            if !wanted(token) {
                continue;
            }
            // Blanks inside could be taken by a token before; a single word asks for what stands around.
            if token.single_word || token.content.is_empty() || token.content.contains(char::is_whitespace) {
                return None;
            }
            tokens.push(Token {
                content: token.content.clone(),
                id: *id,
                takes_blanks_before: token.lstrip,
                takes_blanks_behind: token.rstrip,
            });
        }
        let mut begins = [false; 256];
        for token in &tokens {
            begins[usize::from(token.content.as_bytes()[0])] = true;
        }
        let mut first = (0..=u8::MAX).filter(|byte| begins[usize::from(*byte)]);
        let only = first.next().filter(|byte| byte.is_ascii() && first.next().is_none()).map(char::from);
        Some(Self { tokens, begins, only })
    }

    /// The parts of `text`, from left to right, each found when it is asked for.
    pub fn split<'a>(&'a self, text: &'a str) -> Parts<'a> {
        Parts { added: self, text, at: 0, searched: 0, next: None }
    }

    /// The first token at or behind `from`, and where it starts.
    fn find(&self, text: &str, from: usize) -> Option<(usize, &Token)> {
        let bytes = text.as_bytes();
        let mut at = from;
        while at < bytes.len() && !self.tokens.is_empty() {
            at += match self.only {
                Some(first) => text[at..].find(first)?,
                None => bytes[at..].iter().position(|byte| self.begins[usize::from(*byte)])?,
            };
            let here = self.tokens.iter().filter(|token| bytes[at..].starts_with(token.content.as_bytes()));
            if let Some(token) = here.max_by_key(|token| token.content.len()) {
                return Some((at, token));
            }
            at += 1;
        }
        None
    }
}

impl IntoIterator for AddedTokens {
    type Item = Token;
    type IntoIter = vec::IntoIter<Token>;

    fn into_iter(self) -> Self::IntoIter {
        self.tokens.into_iter()
    }
}

pub struct Parts<'a> {
    added: &'a AddedTokens,
    text: &'a str,
    /// The end of the last part.
    at: usize,
    /// The end of the last token, without the blanks behind it.
    searched: usize,
    /// A token whose text before it was given first, and the end of its part.
    next: Option<(u32, usize)>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if let Some((id, end)) = self.next.take() {
            self.at = end;
            return Some(Part::Added(id));
        }
        if self.at >= self.text.len() {
            return None;
        }
        let before = self.at;
        let Some((found, token)) = self.added.find(self.text, self.searched) else {
            self.at = self.text.len();
            return Some(Part::Text(&self.text[before..]));
        };
        let (mut start, mut end) = (found, found + token.content.len());
        self.searched = end;
        if token.takes_blanks_before {
            start = self.text[before..start].trim_end().len() + before;
        }
        if token.takes_blanks_behind {
            end = self.text.len() - self.text[end..].trim_start().len();
        }
        if before < start {
            self.next = Some((token.id, end));
            return Some(Part::Text(&self.text[before..start]));
        }
        self.at = end;
        Some(Part::Added(token.id))
    }
}

#[cfg(test)]
mod tests {
    use tokenizers::NormalizerWrapper;

    use super::*;

    #[test]
    fn takes_the_longest_token_and_its_blanks() {
        let mut vocabulary = AddedVocabulary::new();
        let token = |content: &str| AddedToken::from(content, true);
        let tokens = [token("<a>"), token("<a>b").rstrip(true), token("<m>").lstrip(true)];
        let model = tokenizers::models::bpe::BPE::default();
        vocabulary.add_tokens(tokens, &model, None::<&NormalizerWrapper>).unwrap();
        let id = |content: &str| vocabulary.get_vocab()[content];
        let added = AddedTokens::new(&vocabulary, |_| true).unwrap();
        let parts: Vec<Part> = added.split("x <a>b  <m><a> \u{a0}<m> y").collect();
        let expected = [
            Part::Text("x "),
            Part::Added(id("<a>b")),
            Part::Added(id("<m>")),
            Part::Added(id("<a>")),
            Part::Added(id("<m>")),
            Part::Text(" y"),
        ];
        assert_eq!(parts, expected);
        assert_eq!(added.split("").count(), 0);
    }
}
