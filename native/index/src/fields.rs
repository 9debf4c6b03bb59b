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
    /// Whether `row` meets all of `conditions`, which name fields of this index.
    pub fn meets(&self, row: usize, conditions: &[Condition]) -> bool {
        let codes = self.codes.values::<u32>();
        conditions.iter().all(|Condition { field, codes: wanted }| wanted.contains(&codes[field * self.rows + row]))
    }
}
