//! Fields that rows can be filtered by.

use crate::files::Mapped;

/// A row is found only where its value of `field` is one of `codes`.
#[derive(Clone, PartialEq, Debug)]
pub struct Condition {
    /// By its place in the index.
    pub field: usize,
    /// In any order; of a row without a value the code is 0.
    pub codes: Vec<u32>,
}

/// The codes of all rows, field after field.
pub struct Fields {
    pub codes: Mapped,
    pub rows: usize,
}

impl Fields {
    /// Of each row, whether it meets all of `conditions`, which name fields of this index; nothing where there are none.
    pub fn meeting(&self, conditions: &[Condition]) -> Option<Vec<bool>> {
        if conditions.is_empty() {
            return None;
        }
        let mut meets = vec![true; self.rows];
        for Condition { field, codes: wanted } in conditions {
            let mut wanted = wanted.clone();
            wanted.sort_unstable();
            let codes = &self.codes.values::<u32>()[field * self.rows..][..self.rows];
            for (meets, code) in meets.iter_mut().zip(codes) {
                *meets &= wanted.binary_search(code).is_ok();
            }
        }
        Some(meets)
    }
}
