//! The size of a batch, exact or rounded up to one of few.
//!
//! A CUDA graph replays launches whose sizes are fixed, so there must be few sizes. Rounding happens up:
//! [`super::OffsetBatch`] fills what is left over.

/// What a batch's arrays measure.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct BatchShape {
    /// Tokens, filling included: at most `rows * longest`.
    pub tokens: usize,
    /// Texts, filling and empty ones included.
    pub rows: usize,
    /// Tokens that each row has room for.
    pub longest: usize,
}

/// Smaller batches do not run faster; it is also the shortest sequence that the fused attention kernels of
/// ONNX Runtime take.
const LEAST: usize = 64;

impl BatchShape {
    /// The size of `texts` themselves.
    pub fn of(texts: &[&[u32]]) -> Self {
        let lengths = || texts.iter().map(|text| text.len());
        Self { tokens: lengths().sum(), rows: texts.len(), longest: lengths().max().unwrap_or(0) }
    }

    /// The next size of the ladder 64, 96, 128, 192, 256, 384, … for tokens and the longest text (the latter
    /// are also the lengths that the fused attention kernels compute anyway), and the next power of two for
    /// the texts with those that fill. Between a batch and its bucket are less than half its tokens.
    #[must_use]
    pub fn bucket(self) -> Self {
        let (tokens, longest) = (step(self.tokens), step(self.longest));
        let filling = (tokens - self.tokens).div_ceil(longest);
        Self { tokens, rows: (self.rows + filling).next_power_of_two(), longest }
    }
}

/// The least power of two, or one and a half of one, that is not below `size`.
fn step(size: usize) -> usize {
    let power = size.max(LEAST).next_power_of_two();
    let between = power / 4 * 3;
    if between >= size.max(LEAST) { between } else { power }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_are_powers_of_two_and_halfway_between() {
        for (size, expected) in [(0, 64), (64, 64), (65, 96), (97, 128), (129, 192), (257, 384), (385, 512), (513, 768)]
        {
            assert_eq!(step(size), expected, "{size}");
        }
    }

    #[test]
    fn ten_texts_of_98_tokens_get_one_row_that_fills() {
        let shape = BatchShape { tokens: 980, rows: 10, longest: 98 };
        assert_eq!(shape.bucket(), BatchShape { tokens: 1024, rows: 16, longest: 128 });
    }

    #[test]
    fn filling_that_is_longer_than_a_row_takes_several() {
        // 770 tokens become 1,024: 254 more than one row of 192 holds.
        let shape = BatchShape { tokens: 770, rows: 6, longest: 130 };
        assert_eq!(shape.bucket(), BatchShape { tokens: 1024, rows: 8, longest: 192 });
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_batch_and_is_its_own_bucket_in_tokens(
            lengths in prop::collection::vec(1usize..513, 1..64)
        ) {
            let longest = lengths.iter().copied().max().unwrap();
            let shape = BatchShape { tokens: lengths.iter().sum(), rows: lengths.len(), longest };
            let bucket = shape.bucket();
            prop_assert!(bucket.tokens >= shape.tokens && bucket.longest >= longest);
            prop_assert!(bucket.tokens < (shape.tokens + shape.tokens / 2 + 1).max(LEAST + 1));
            prop_assert!((bucket.rows - shape.rows) * bucket.longest >= bucket.tokens - shape.tokens);
            prop_assert_eq!(step(bucket.tokens), bucket.tokens);
            prop_assert_eq!(step(bucket.longest), bucket.longest);
        }
    }
}
