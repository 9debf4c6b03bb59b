//! Byte pair encoding: of all neighbours that may merge, those of the lowest rank do, leftmost first,
//! until none may.
//!
//! # When are ids certain before a piece has ended?
//!
//! If a token of the whole piece ends at some byte, the tokens before are those of the piece cut there,
//! since no merge crossed that byte. Of the tokens that stand around a given byte, each is a token of
//! the vocabulary that merges give (`whole`), so few beginnings of one are possible. Where cutting the
//! piece at each of these gives the same first ids, they are the whole piece's.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use tokenizers::models::bpe::BPE;

use super::{
    pairs::{NONE, Pairs},
    trie::Trie,
};

/// Pieces of up to so many bytes are merged by looking through all pairs for each merge.
const SMALL: usize = 48;
/// A piece is only cut where it is so many times longer than the first cut.
const MIN_CUTS: usize = 4;
/// Cuts are tried while they merge no more bytes than a piece has, divided by this.
const CUT_SHARE: usize = 2;
/// Bytes per wanted id of the first cut: twice the average of natural text.
const BYTES_PER_ID: usize = 8;

pub struct Bpe {
    /// The token of each byte; [`NONE`] for a byte that is dropped.
    bytes: [u32; 256],
    pairs: Pairs,
    /// The token that each rank's merge gives.
    merged: Vec<u32>,
    /// Tokens that merging their own bytes gives: most pieces are one of these.
    whole: Trie,
    longest: usize,
}

#[derive(Default)]
pub struct Scratch {
    symbols: Vec<u32>,
    ranks: Vec<u32>,
    links: Vec<(u32, u32)>,
    queue: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Bpe {
    /// `None` for a model with settings that are not covered.
    pub fn new(model: &BPE) -> Option<Self> {
        let without = |part: &Option<String>| part.as_ref().is_none_or(String::is_empty);
        if !matches!(model.dropout, None | Some(0.0))
            || !without(&model.continuing_subword_prefix)
            || !without(&model.end_of_word_suffix)
            || model.unk_token.is_some()
            || model.byte_fallback
            || model.ignore_merges
        {
            return None;
        }
        let vocabulary = model.get_vocab();
        let distinct: HashSet<u32> = vocabulary.values().copied().collect();
        if distinct.len() != vocabulary.len() || distinct.contains(&NONE) {
            return None;
        }
        // The model keeps its merges to itself, but writes them down, sorted by rank.
        let description = serde_json::to_value(model).ok()?;
        let mut pairs = Vec::new();
        let mut merged = Vec::new();
        for merge in description.get("merges")?.as_array()? {
            let [left, right] = merge.as_array()?.as_slice() else { return None };
            let (left, right) = (left.as_str()?, right.as_str()?);
            pairs.push((*vocabulary.get(left)?, *vocabulary.get(right)?));
            merged.push(*vocabulary.get(&format!("{left}{right}"))?);
        }
        let alphabet = alphabet();
        let bytes =
            alphabet.map(|character| vocabulary.get(character.encode_utf8(&mut [0; 4])).copied().unwrap_or(NONE));
        let mut bpe = Self { bytes, pairs: Pairs::new(&pairs), merged, whole: Trie::new([])?, longest: 1 };
        bpe.find_whole(&vocabulary, &alphabet)?;
        Some(bpe)
    }

    fn find_whole(&mut self, vocabulary: &HashMap<String, u32>, alphabet: &[char; 256]) -> Option<()> {
        let byte_of: HashMap<char, u8> =
            alphabet.iter().enumerate().map(|(byte, character)| (*character, byte as u8)).collect();
        let mut scratch = Scratch::default();
        let mut merged = Vec::new();
        let mut whole = Vec::new();
        for (token, id) in vocabulary {
            let Some(bytes) =
                token.chars().map(|character| byte_of.get(&character).copied()).collect::<Option<Vec<u8>>>()
            else {
                continue;
            };
            merged.clear();
            self.merge(&bytes, &mut scratch, &mut merged);
            // Bytes that are dropped would make a longer text the same token; 0xff is in no text.
            let stands_alone = |byte: &u8| self.bytes[usize::from(*byte)] != NONE && *byte != 0xff;
            if merged == [*id] && bytes.iter().all(stands_alone) {
                whole.push((bytes, *id));
            }
        }
        self.longest = whole.iter().map(|(bytes, _)| bytes.len()).max().unwrap_or(1);
        self.whole = Trie::new(whole.iter().map(|(bytes, id)| (bytes.as_slice(), *id)))?;
        Some(())
    }

    /// Appends the ids of `piece`, of which at least the first `enough` and one more are wanted.
    #[inline]
    pub fn encode(&self, piece: &[u8], enough: usize, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        match self.whole.get(piece) {
            Some(id) => ids.push(id),
            None if !self.settle(piece, enough, scratch, ids) => self.merge(piece, scratch, ids),
            None => {}
        }
    }

    /// Appends more than `enough` first ids of a long piece, if they can be told from a beginning of it.
    fn settle(&self, piece: &[u8], enough: usize, scratch: &mut Scratch, ids: &mut Vec<u32>) -> bool {
        let before = ids.len();
        let mut end = enough.saturating_add(1).saturating_mul(BYTES_PER_ID).max(self.longest);
        // A byte that is dropped is inside of tokens, where the vocabulary does not have it.
        if end.saturating_mul(MIN_CUTS) > piece.len() || self.bytes.contains(&NONE) {
            return false;
        }
        while end.saturating_mul(2) < piece.len() {
            if let Some(settled) = self.agree(piece, end, enough, scratch) {
                ids.truncate(before);
                ids.extend(settled);
                return true;
            }
            end *= MIN_CUTS;
        }
        false
    }

    /// The first ids of `piece` if all that the tokens before `end` can be begin with them.
    fn agree(&self, piece: &[u8], end: usize, enough: usize, scratch: &mut Scratch) -> Option<Vec<u32>> {
        let reaches = |cut: &usize| {
            let mut reaches = *cut == end;
            self.whole.prefixes(&piece[*cut..], |length, _| reaches |= cut + length > end);
            reaches
        };
        let cuts: Vec<usize> = (end.saturating_sub(self.longest)..=end).rev().filter(reaches).collect();
        if cuts.len() * end > piece.len() / CUT_SHARE {
            return None;
        }
        let mut agreed: Option<Vec<u32>> = None;
        for cut in cuts {
            let mut ids = Vec::new();
            self.merge(&piece[..cut], scratch, &mut ids);
            if ids.len() <= enough {
                return None;
            }
            ids.truncate(enough + 1);
            if agreed.as_ref().is_some_and(|agreed| *agreed != ids) {
                return None;
            }
            agreed = Some(ids);
        }
        agreed
    }

    fn merge(&self, piece: &[u8], scratch: &mut Scratch, ids: &mut Vec<u32>) {
        let Scratch { symbols, ranks, .. } = scratch;
        symbols.clear();
        symbols.extend(piece.iter().map(|byte| self.bytes[usize::from(*byte)]).filter(|id| *id != NONE));
        ranks.clear();
        ranks.extend(symbols.windows(2).map(|pair| self.pairs.rank(pair[0], pair[1])));
        if piece.len() <= SMALL {
            self.merge_small(symbols, ranks);
            ids.extend_from_slice(symbols);
        } else {
            self.merge_long(scratch, ids);
        }
    }

    fn merge_small(&self, symbols: &mut Vec<u32>, ranks: &mut Vec<u32>) {
        while let Some((at, rank)) = ranks.iter().copied().enumerate().min_by_key(|(_, rank)| *rank) {
            if rank == NONE {
                return;
            }
            symbols[at] = self.merged[rank as usize];
            symbols.remove(at + 1);
            ranks.remove(at);
            if let Some(next) = symbols.get(at + 1) {
                ranks[at] = self.pairs.rank(symbols[at], *next);
            }
            if let Some(before) = at.checked_sub(1) {
                ranks[before] = self.pairs.rank(symbols[before], symbols[at]);
            }
        }
    }

    /// The same with the possible merges in a queue. A symbol's rank is that of its pair with the next
    /// one; an entry whose rank is no longer its symbol's is of the past.
    fn merge_long(&self, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        let Scratch { symbols, ranks, links, queue } = scratch;
        let count = symbols.len() as u32;
        ranks.resize(symbols.len(), NONE);
        links.clear();
        links.extend((0..count).map(|at| (at.wrapping_sub(1), at + 1)));
        queue.clear();
        queue.extend((0..count).zip(&*ranks).filter(|(_, rank)| **rank != NONE).map(|(at, rank)| Reverse((*rank, at))));
        while let Some(Reverse((rank, at))) = queue.pop() {
            let left = at as usize;
            if ranks[left] != rank {
                continue;
            }
            let right = links[left].1 as usize;
            let (before, next) = (links[left].0, links[right].1);
            symbols[left] = self.merged[rank as usize];
            symbols[right] = NONE;
            ranks[right] = NONE;
            links[left].1 = next;
            ranks[left] = NONE;
            if next < count {
                links[next as usize].0 = at;
                ranks[left] = self.pairs.rank(symbols[left], symbols[next as usize]);
                if ranks[left] != NONE {
                    queue.push(Reverse((ranks[left], at)));
                }
            }
            if before < count {
                let rank = self.pairs.rank(symbols[before as usize], symbols[left]);
                ranks[before as usize] = rank;
                if rank != NONE {
                    queue.push(Reverse((rank, before)));
                }
            }
        }
        ids.extend(symbols.iter().filter(|symbol| **symbol != NONE));
        scratch.release();
    }
}

impl Scratch {
    /// Memory that a usual piece does not need is given back.
    const KEPT: usize = 1 << 12;

    fn release(&mut self) {
        self.symbols.clear();
        self.symbols.shrink_to(Self::KEPT);
        self.ranks.clear();
        self.ranks.shrink_to(Self::KEPT);
        self.links.clear();
        self.links.shrink_to(Self::KEPT);
        self.queue.shrink_to(Self::KEPT);
    }
}

/// The character that stands for each byte: itself if printable, others in order from U+0100.
fn alphabet() -> [char; 256] {
    let mut unprintable = 0x100..;
    std::array::from_fn(|byte| match byte as u8 {
        printable @ (b'!'..=b'~' | 0xa1..=0xac | 0xae..) => char::from(printable),
        _ => unprintable.next().and_then(char::from_u32).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use tokenizers::Model;

    use super::*;

    /// The later a pair in the alphabet, the earlier it merges: ids at the beginning depend on the end.
    #[test]
    fn a_piece_whose_end_decides_its_beginning_is_not_cut() {
        let mut vocabulary: Vec<String> = alphabet().map(String::from).to_vec();
        let chain: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
        let merges: Vec<(String, String)> =
            chain.windows(2).rev().map(|pair| (pair[0].to_string(), pair[1].to_string())).collect();
        vocabulary.extend(merges.iter().map(|(left, right)| format!("{left}{right}")));
        let ids: Vec<(String, u32)> = vocabulary.into_iter().zip(0..).collect();
        let ids: [(String, u32); 256 + 51] = ids.try_into().unwrap();
        let library = BPE::builder().vocab_and_merges(ids, merges).build().unwrap();
        let bpe = Bpe::new(&library).unwrap();
        for length in 1..=chain.len() {
            let piece: String = chain[..length].iter().collect();
            let expected: Vec<u32> = library.tokenize(&piece).unwrap().iter().map(|token| token.id).collect();
            for enough in 0..4 {
                let mut found = Vec::new();
                bpe.encode(piece.as_bytes(), enough, &mut Scratch::default(), &mut found);
                let compared = expected.len().min(enough + 1);
                assert_eq!(found[..compared], expected[..compared], "{piece} {enough}");
            }
        }
    }
}
