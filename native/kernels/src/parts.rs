//! Ranges in parts of nearly equal size.

use std::ops::Range;

/// Cuts a range into the fewest parts of at most `limit`, of nearly equal size: 98 rows become thirteen
/// tiles of 7 or 8, not twelve of 8 and one of 2, whose two rows would cost as much as six.
pub(crate) fn even_parts(range: Range<usize>, limit: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = range.len().div_ceil(limit);
    split(range, parts)
}

/// Cuts a range into `parts` parts of nearly equal size.
pub(crate) fn split(range: Range<usize>, parts: usize) -> impl Iterator<Item = Range<usize>> {
    let cut = move |part: usize| range.start + range.len() * part / parts;
    (0..parts).map(move |part| cut(part)..cut(part + 1))
}

#[cfg(test)]
mod tests {
    use super::even_parts;

    #[test]
    fn parts_cover_the_range_evenly() {
        for length in 0..200 {
            let parts: Vec<_> = even_parts(5..5 + length, 8).collect();
            assert_eq!(parts.len(), length.div_ceil(8));
            assert_eq!(parts.iter().flat_map(Clone::clone).collect::<Vec<_>>(), (5..5 + length).collect::<Vec<_>>());
            let sizes = parts.iter().map(ExactSizeIterator::len);
            assert!(sizes.clone().max().unwrap_or(0) - sizes.min().unwrap_or(0) <= 1);
        }
    }
}
