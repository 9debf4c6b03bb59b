//! The most probable segmentation of a piece of text, exactly as `tokenizers` finds it.
//!
//! Viterbi over byte positions: for each character, left to right, every token that begins there is
//! tried as the end of the best path so far. Scores are added in the same order in `f64`, and the first
//! of equal paths stays, so that ties fall as they do there (`Unigram::encode_optimized`).
//!
//! # When are ids certain before the piece has ended?
//!
//! The best path to a position never changes once all earlier positions are done. No token is longer than
//! `longest` bytes, so the final path has a boundary among the last `longest` positions that are done.
//! Where the best paths to all of these share a beginning, it is the final path's beginning. Paths
//! of natural text meet within a few dozen bytes; those of a million dots never do.

use std::collections::BTreeSet;

use tokenizers::{Model, models::unigram::Unigram as Description};

use super::trie::Trie;

/// What `tokenizers` takes from the lowest score for a character that is in no token.
const UNKNOWN_PENALTY: f64 = 10.0;
/// Bytes of the longest character: an unknown one is a token as well.
const LONGEST_CHARACTER: usize = 4;
/// Tokens that are gone back to find where paths meet. Those that have not met by then seldom do.
const MEETING_STEPS: usize = 4096;
/// No token ends here.
const UNREACHED: u32 = u32::MAX;

pub struct Unigram {
    trie: Trie,
    scores: Vec<f64>,
    unknown: u32,
    unknown_score: f64,
    longest: usize,
}

/// The best paths through the beginning of a piece.
#[derive(Default)]
pub struct Paths {
    nodes: Vec<Node>,
    /// All tokens that begin before this position have been tried.
    done: usize,
    reversed: Vec<u32>,
}

/// The last token of the best path to a position.
#[derive(Clone, Copy)]
struct Node {
    score: f64,
    start: u32,
    id: u32,
}

impl Unigram {
    /// `None` for a model with settings that are not covered.
    pub fn new(model: &Description) -> Option<Self> {
        if model.byte_fallback() || !matches!(model.alpha, None | Some(0.0)) {
            return None;
        }
        let unknown = unknown_id(model)?;
        let pieces = || model.iter().enumerate().map(|(id, (token, _))| (token.as_bytes(), id as u32));
        let scores: Vec<f64> = model.iter().map(|(_, score)| *score).collect();
        if scores.iter().any(|score| score.is_nan()) {
            return None;
        }
        Some(Self {
            trie: Trie::new(pieces())?,
            longest: pieces().map(|(token, _)| token.len()).max()?.max(LONGEST_CHARACTER),
            scores,
            unknown,
            unknown_score: model.min_score - UNKNOWN_PENALTY,
        })
    }

    /// Appends the ids of `piece`; `paths` may know a beginning of it already, and is empty afterwards.
    pub fn finish(&self, paths: &mut Paths, piece: &[u8], ids: &mut Vec<u32>) {
        self.advance(paths, piece, piece.len());
        self.append(paths, piece, piece.len(), ids);
        paths.clear();
    }

    /// The first ids of a piece that begins with `piece` and goes on, if more than `enough` are certain.
    pub fn settle(&self, paths: &mut Paths, piece: &[u8], enough: usize, ids: &mut Vec<u32>) -> bool {
        self.advance(paths, piece, piece.len().saturating_sub(self.longest));
        let before = ids.len();
        if let Some(end) = paths.meeting(self.longest) {
            self.append(paths, piece, end, ids);
            // An unknown character may join what follows.
            if paths.nodes[end].id == self.unknown {
                ids.pop();
            }
        }
        let settled = ids.len() - before > enough;
        if settled {
            paths.clear();
        } else {
            ids.truncate(before);
        }
        settled
    }

    /// Tries all tokens that begin before `end`.
    #[inline]
    fn advance(&self, paths: &mut Paths, piece: &[u8], end: usize) {
        if paths.nodes.is_empty() {
            paths.nodes.push(Node { score: 0.0, start: 0, id: UNREACHED });
        }
        paths.nodes.resize(piece.len() + 1, Node { score: 0.0, start: 0, id: UNREACHED });
        let mut start = paths.done;
        while start < end {
            let width = character_width(piece[start]);
            let so_far = paths.nodes[start].score;
            let mut single = false;
            let targets = &mut paths.nodes[start..];
            let mut reach = |length: usize, id: u32, score: f64| {
                let target = &mut targets[length];
                let candidate = score + so_far;
                if target.id == UNREACHED || candidate > target.score {
                    *target = Node { score: candidate, start: start as u32, id };
                }
            };
            self.trie.prefixes(&piece[start..], |length, id| {
                reach(length, id, self.scores[id as usize]);
                single |= length == width;
            });
            if !single {
                reach(width, self.unknown, self.unknown_score);
            }
            start += width;
        }
        paths.done = start;
    }

    /// Appends the ids of the best path to `end`. Unknown tokens in a row become one.
    fn append(&self, paths: &mut Paths, piece: &[u8], end: usize, ids: &mut Vec<u32>) {
        let Paths { nodes, reversed, .. } = paths;
        reversed.clear();
        let mut position = end;
        while position > 0 {
            let node = nodes[position];
            let mut start = node.start as usize;
            if node.id == self.unknown {
                while start > 0 && nodes[start].id == self.unknown {
                    start = nodes[start].start as usize;
                }
                // Together, they may spell a token that was not worth its score.
                reversed.push(self.trie.get(&piece[start..position]).unwrap_or(self.unknown));
            } else {
                reversed.push(node.id);
            }
            position = start;
        }
        ids.extend(reversed.iter().rev());
    }
}

impl Paths {
    /// Memory that a usual text does not need is given back.
    const KEPT: usize = 1 << 14;

    pub fn clear(&mut self) {
        self.nodes.clear();
        self.nodes.shrink_to(Self::KEPT);
        self.reversed.shrink_to(Self::KEPT);
        self.done = 0;
    }

    /// The last position on the best paths to all of the last `longest` positions that are done.
    fn meeting(&self, longest: usize) -> Option<usize> {
        let first = (self.done + 1).saturating_sub(longest).max(1);
        let mut ends: BTreeSet<usize> = (first..=self.done).filter(|end| self.nodes[*end].id != UNREACHED).collect();
        for _ in 0..MEETING_STEPS {
            if ends.len() <= 1 {
                return ends.pop_first().filter(|end| *end > 0);
            }
            let last = ends.pop_last()?;
            ends.insert(self.nodes[last].start as usize);
        }
        None
    }
}

/// The model keeps its unknown token to itself, but gives it to a character that it does not have.
fn unknown_id(model: &Description) -> Option<u32> {
    let unknown =
        ('\u{10_0000}'..=char::MAX).map(String::from).find(|character| model.token_to_id(character).is_none())?;
    Some(model.tokenize(&unknown).ok()?.first()?.id)
}

fn character_width(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    }
}
