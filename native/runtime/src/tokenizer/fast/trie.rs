//! A map from byte strings to numbers that finds all entries a text begins with.
//!
//! A double array: node `n` has a child for byte `b` where the node at `n.children ^ b` is labelled
//! `b`. No two nodes share `children`, so the label alone tells whose child a node is, and a step costs
//! one memory access. Eight bytes a node: XLM-RoBERTa's 250,002 pieces take 6 MB.

/// Bytes are placed by `XOR` within aligned blocks of this many nodes.
const BLOCK: usize = 256;
/// Blocks that are still searched for free places: older ones are nearly full, and asking them anew
/// for every node would make building quadratic.
const OPEN_BLOCKS: usize = 16;
/// Free places that are tried before a new block is begun: only for nodes with many children do so many fail.
const TRIES: usize = 512;
/// A byte that UTF-8 never contains marks free places.
const FREE: u8 = 0xff;
/// Values are kept in 24 bits, one more than themselves.
const MAX_VALUE: u32 = (1 << 24) - 2;

pub struct Trie {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Node {
    /// Zero for a leaf: no node is ever given this number, so its steps fail.
    children: u32,
    /// The label in the lowest 8 bits, the value plus one above them.
    label_and_value: u32,
}

impl Node {
    const EMPTY: Self = Self { children: 0, label_and_value: FREE as u32 };

    fn label(self) -> u8 {
        self.label_and_value as u8
    }

    fn value(self) -> Option<u32> {
        (self.label_and_value >> 8).checked_sub(1)
    }
}

impl Trie {
    /// The last value given for a key counts. `None` if a value does not fit or a key is not UTF-8 like.
    pub fn new<'a>(entries: impl IntoIterator<Item = (&'a [u8], u32)>) -> Option<Self> {
        let mut entries: Vec<(&[u8], u32)> = entries.into_iter().filter(|(key, _)| !key.is_empty()).collect();
        if entries.iter().any(|(key, value)| *value > MAX_VALUE || key.contains(&FREE)) {
            return None;
        }
        // Stable, so that of equal keys the last one stays last.
        entries.sort_by_key(|(key, _)| *key);
        entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = later.1;
            }
            same
        });
        Some(Self { nodes: Builder::build(&entries) })
    }

    /// Calls `found` with the length and the value of every entry that `text` begins with, shortest first.
    #[inline]
    pub fn prefixes(&self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        let mut node = self.nodes[0];
        for (length, byte) in text.iter().enumerate() {
            let Some(next) = self.step(node, *byte) else { return };
            node = next;
            if let Some(value) = node.value() {
                found(length + 1, value);
            }
        }
    }

    /// The value of `key`.
    #[inline]
    pub fn get(&self, key: &[u8]) -> Option<u32> {
        key.iter().try_fold(self.nodes[0], |node, byte| self.step(node, *byte))?.value()
    }

    #[inline]
    fn step(&self, node: Node, byte: u8) -> Option<Node> {
        self.nodes.get(node.children as usize ^ usize::from(byte)).copied().filter(|next| next.label() == byte)
    }
}

struct Builder {
    nodes: Vec<Node>,
    taken: Vec<bool>,
    /// Numbers that some node's `children` has.
    given: Vec<bool>,
    /// For each free place of the open blocks the ones before and behind it, in a ring through [`ANCHOR`].
    free: Vec<(u32, u32)>,
}

/// Where the ring of free places begins and ends: the root's place is never free.
const ANCHOR: usize = 0;

impl Builder {
    fn build(entries: &[(&[u8], u32)]) -> Vec<Node> {
        let mut builder = Self { nodes: Vec::new(), taken: Vec::new(), given: Vec::new(), free: Vec::new() };
        builder.free.push((ANCHOR as u32, ANCHOR as u32));
        builder.add_block();
        builder.given[0] = true;
        // A node, its entries, and how many of their bytes lead to it.
        let mut pending = vec![(0, entries, 0)];
        let mut labels = Vec::new();
        while let Some((node, entries, depth)) = pending.pop() {
            let own = entries.first().filter(|(key, _)| key.len() == depth);
            if let Some((_, value)) = own {
                builder.nodes[node].label_and_value |= (value + 1) << 8;
            }
            let longer = &entries[usize::from(own.is_some())..];
            let children = || longer.chunk_by(|a, b| a.0[depth] == b.0[depth]);
            labels.clear();
            labels.extend(children().map(|entries| entries[0].0[depth]));
            if labels.is_empty() {
                continue;
            }
            let base = builder.place(&labels);
            builder.nodes[node].children = base as u32;
            for entries in children() {
                let label = entries[0].0[depth];
                let child = base ^ usize::from(label);
                builder.nodes[child].label_and_value = u32::from(label);
                pending.push((child, entries, depth + 1));
            }
        }
        builder.nodes.shrink_to_fit();
        builder.nodes
    }

    /// A number not yet given whose places for all of `labels` are free; takes them.
    fn place(&mut self, labels: &[u8]) -> usize {
        // Newest first: the last block has most places left.
        let mut place = self.free[ANCHOR].0 as usize;
        let mut tries = 0;
        let base = loop {
            if place == ANCHOR || tries == TRIES {
                break self.add_block();
            }
            let base = place ^ usize::from(labels[0]);
            if !self.given[base] && labels.iter().all(|label| !self.taken[base ^ usize::from(*label)]) {
                break base;
            }
            place = self.free[place].0 as usize;
            tries += 1;
        };
        self.given[base] = true;
        for label in labels {
            self.take(base ^ usize::from(*label));
        }
        base
    }

    fn take(&mut self, place: usize) {
        self.taken[place] = true;
        let (before, behind) = self.free[place];
        self.free[before as usize].1 = behind;
        self.free[behind as usize].0 = before;
    }

    /// The first place of 256 new ones, all free but the root's.
    fn add_block(&mut self) -> usize {
        let first = self.nodes.len();
        let length = first + BLOCK;
        self.nodes.resize(length, Node::EMPTY);
        self.taken.resize(length, false);
        self.given.resize(length, false);
        self.free.resize(length, (0, 0));
        if first == ANCHOR {
            self.taken[ANCHOR] = true;
        }
        for place in first.max(ANCHOR + 1)..length {
            let last = self.free[ANCHOR].0;
            self.free[place] = (last, ANCHOR as u32);
            self.free[last as usize].1 = place as u32;
            self.free[ANCHOR].0 = place as u32;
        }
        if let Some(closed) = first.checked_sub(OPEN_BLOCKS * BLOCK) {
            for place in closed..closed + BLOCK {
                if !self.taken[place] {
                    self.take(place);
                }
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_was_put_in(
            entries in prop::collection::vec(("[a-cß日]{0,5}", 0u32..1000), 0..200),
            text in "[a-dß日]{0,12}",
        ) {
            let trie = Trie::new(entries.iter().map(|(key, value)| (key.as_bytes(), *value))).unwrap();
            let map: BTreeMap<&str, u32> = entries.iter().map(|(key, value)| (key.as_str(), *value)).collect();
            let mut found = Vec::new();
            trie.prefixes(text.as_bytes(), |length, value| found.push((length, value)));
            let expected: Vec<(usize, u32)> = (1..=text.len())
                .filter(|length| text.is_char_boundary(*length))
                .filter_map(|length| Some((length, *map.get(&text[..length])?)))
                .collect();
            prop_assert_eq!(found, expected);
            for (key, value) in map.iter().filter(|(key, _)| !key.is_empty()) {
                prop_assert_eq!(trie.get(key.as_bytes()), Some(*value));
            }
        }
    }

    #[test]
    fn refuses_what_it_cannot_hold() {
        assert!(Trie::new([(&b"a"[..], MAX_VALUE + 1)]).is_none());
        assert!(Trie::new([(&b"\xff"[..], 1)]).is_none());
        assert_eq!(Trie::new([]).unwrap().get(b"a"), None);
    }
}
