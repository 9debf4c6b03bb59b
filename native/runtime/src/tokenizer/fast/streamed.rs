//! Added tokens that are looked for in normalized text, which is never there in one piece: it comes character by
//! character.
//!
//! Where tokens begin at the same place, the longest counts, and the first place counts, as in `added`.

use std::ops::ControlFlow;

use super::added::{AddedTokens, Token};

/// Tokens by their normalized content.
pub struct StreamedTokens {
    tokens: Vec<Token>,
    /// Whether a token begins with this character; for others, `begins_elsewhere`.
    begins: [bool; 128],
    begins_elsewhere: bool,
    /// Whether a token takes the blanks before it, so that blanks are held until it is known what follows.
    holds_blanks: bool,
}

/// What is held until it is known whether it belongs to a token.
#[derive(Default)]
pub struct Held {
    /// What a token may begin with.
    beginning: String,
    /// Blanks before that.
    blanks: String,
    /// Whether blanks belong to the token before them.
    skips_blanks: bool,
}

impl Held {
    pub fn clear(&mut self) {
        self.beginning.clear();
        self.blanks.clear();
        self.skips_blanks = false;
    }
}

/// What comes out: characters of text, and tokens between them.
pub trait Sink {
    fn character(&mut self, character: char) -> ControlFlow<()>;
    fn token(&mut self, id: u32) -> ControlFlow<()>;
}

impl StreamedTokens {
    /// Looks for `tokens` in text that is normalized by `normalize`; `None` if nothing is left of one of them.
    pub fn new(tokens: AddedTokens, normalize: impl Fn(&str) -> String) -> Option<Self> {
        let normalized = tokens.into_iter().map(|token| Token { content: normalize(&token.content), ..token });
        let tokens: Vec<Token> = normalized.collect();
        let mut begins = [false; 128];
        let mut begins_elsewhere = false;
        for token in &tokens {
            let first = token.content.chars().next()?;
            match begins.get_mut(first as usize) {
                Some(begins) => *begins = true,
                None => begins_elsewhere = true,
            }
        }
        let holds_blanks = tokens.iter().any(|token| token.takes_blanks_before);
        Some(Self { tokens, begins, begins_elsewhere, holds_blanks })
    }

    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The next character of the text.
    #[inline]
    pub fn push(&self, character: char, held: &mut Held, sink: &mut impl Sink) -> ControlFlow<()> {
        let may_begin = self.begins.get(character as usize).copied().unwrap_or(self.begins_elsewhere);
        if held.beginning.is_empty() && !may_begin {
            return self.text(character, held, sink);
        }
        held.beginning.push(character);
        self.settle(held, false, sink)
    }

    /// There is no more text.
    pub fn end(&self, held: &mut Held, sink: &mut impl Sink) -> ControlFlow<()> {
        self.settle(held, true, sink)?;
        release(&mut held.blanks, sink)
    }

    /// Lets go of what is held as far as it is known what it is.
    fn settle(&self, held: &mut Held, is_end: bool, sink: &mut impl Sink) -> ControlFlow<()> {
        while let Some(first) = held.beginning.chars().next() {
            let may_grow = |token: &&Token| {
                token.content.len() > held.beginning.len() && token.content.starts_with(&held.beginning)
            };
            if !is_end && self.tokens.iter().any(|token| may_grow(&token)) {
                return ControlFlow::Continue(());
            }
            let here = self.tokens.iter().filter(|token| held.beginning.starts_with(&token.content));
            if let Some(token) = here.max_by_key(|token| token.content.len()) {
                held.beginning.drain(..token.content.len());
                if token.takes_blanks_before {
                    held.blanks.clear();
                }
                release(&mut held.blanks, sink)?;
                held.skips_blanks = token.takes_blanks_behind;
                sink.token(token.id)?;
            } else {
                held.beginning.drain(..first.len_utf8());
                self.text(first, held, sink)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// A character that belongs to no token.
    #[inline]
    fn text(&self, character: char, held: &mut Held, sink: &mut impl Sink) -> ControlFlow<()> {
        if character.is_whitespace() {
            if held.skips_blanks {
                return ControlFlow::Continue(());
            }
            if self.holds_blanks {
                held.blanks.push(character);
                return ControlFlow::Continue(());
            }
        } else {
            held.skips_blanks = false;
            release(&mut held.blanks, sink)?;
        }
        sink.character(character)
    }
}

fn release(blanks: &mut String, sink: &mut impl Sink) -> ControlFlow<()> {
    if !blanks.is_empty() {
        blanks.chars().try_for_each(|blank| sink.character(blank))?;
        blanks.clear();
    }
    ControlFlow::Continue(())
}
