//! Ranks of the pairs of tokens that merge: a hash table with open addressing.

/// Stands for an id or a rank where there is none.
pub const NONE: u32 = u32::MAX;

/// Ranks by pair.
pub struct Pairs {
    slots: Vec<(u32, u32, u32)>,
    shift: u32,
}

impl Pairs {
    pub fn new(pairs: &[(u32, u32)]) -> Self {
        // At most half full, so that most lookups end at the first slot.
        let bits = (pairs.len() * 2).next_power_of_two().trailing_zeros().max(1);
        let mut table = Self { slots: vec![(NONE, NONE, NONE); 1 << bits], shift: u64::BITS - bits };
        for (rank, (left, right)) in pairs.iter().enumerate() {
            let slot = table.slot(*left, *right);
            table.slots[slot] = (*left, *right, rank as u32);
        }
        table
    }

    #[inline]
    /// [`NONE`] for a pair that does not merge.
    pub fn rank(&self, left: u32, right: u32) -> u32 {
        self.slots[self.slot(left, right)].2
    }

    /// The slot of a pair, or the free one where it would be.
    #[inline]
    fn slot(&self, left: u32, right: u32) -> usize {
        // 2^64 / golden ratio spreads neighbouring numbers (Knuth, TAOCP 6.4).
        let key = (u64::from(left) << 32 | u64::from(right)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut slot = ((key ^ key >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        loop {
            let (first, second, _) = self.slots[slot];
            if first == NONE || (first == left && second == right) {
                return slot;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}
