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

/// Conditions on rows of an index, ready to be asked of each.
pub struct Filter<'a> {
    /// Codes of all rows, and those that are wanted, in order.
    conditions: Vec<(&'a [u32], Vec<u32>)>,
}

impl Filter<'_> {
    pub fn is_met_by(&self, row: usize) -> bool {
        self.conditions.iter().all(|(codes, wanted)| wanted.binary_search(&codes[row]).is_ok())
    }
}

impl Fields {
    /// `conditions` name fields of this index.
    pub fn filter(&self, conditions: &[Condition]) -> Filter<'_> {
        let of = |Condition { field, codes: wanted }: &Condition| {
            let mut wanted = wanted.clone();
            wanted.sort_unstable();
            (&self.codes.values::<u32>()[field * self.rows..][..self.rows], wanted)
        };
        Filter { conditions: conditions.iter().map(of).collect() }
    }

    /// Of each row, whether it meets all of `conditions`, which name fields of this index; nothing where there are none.
    pub fn meeting(&self, conditions: &[Condition]) -> Option<Vec<bool>> {
        if conditions.is_empty() {
            return None;
        }
        let mut meets = vec![true; self.rows];
        for (codes, wanted) in self.filter(conditions).conditions {
            for (meets, code) in meets.iter_mut().zip(codes) {
                *meets &= wanted.binary_search(code).is_ok();
            }
        }
        Some(meets)
    }
}
