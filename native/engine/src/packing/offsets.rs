//! The inputs of a packed graph whose attention is told where each text begins.

use super::{BatchShape, PositionRule};

/// See `graph::input` for what each array means.
#[derive(Clone, Debug, PartialEq)]
pub struct OffsetBatch {
    pub shape: BatchShape,
    pub ids: Vec<i32>,
    pub positions: Vec<i32>,
    pub first: Vec<i32>,
    /// Row-major `[rows, longest]`.
    pub token_offset: Vec<i32>,
    /// `rows + 1` numbers.
    pub cumulative: Vec<i32>,
}

/// The id and the position of a token that fills: what they are does not matter, they are in every table.
const FILLING: i32 = 0;

impl OffsetBatch {
    /// Packs `texts`, each a non-empty list of token ids with its special tokens, into `shape`: their own
    /// ([`BatchShape::of`]) or that one's bucket.
    ///
    /// Behind the texts come texts of filling tokens until all of `shape.tokens` are there, then texts of no
    /// tokens. No text attends to another, so the answers to the first `texts.len()` are the same for any
    /// shape; those to the others mean nothing.
    ///
    /// # Panics
    /// If `texts` do not fit into `shape`.
    pub fn new(texts: &[&[u32]], rule: PositionRule, shape: BatchShape) -> Self {
        let BatchShape { tokens, rows, longest } = shape;
        let own = BatchShape::of(texts);
        assert!(own.tokens <= tokens && own.rows <= rows && own.longest <= longest, "{own:?} in {shape:?}");
        let mut batch = Self {
            shape,
            ids: Vec::with_capacity(tokens),
            positions: Vec::with_capacity(tokens),
            first: Vec::with_capacity(rows),
            token_offset: Vec::with_capacity(rows * longest),
            cumulative: vec![0],
        };
        for text in texts {
            batch.ids.extend(text.iter().map(|&id| id as i32));
            batch.positions.extend(rule.positions(text).map(|position| position as i32));
            batch.end_row(text.len());
        }
        while batch.ids.len() < tokens {
            let length = longest.min(tokens - batch.ids.len());
            batch.ids.extend(std::iter::repeat_n(FILLING, length));
            batch.positions.extend(std::iter::repeat_n(FILLING, length));
            batch.end_row(length);
        }
        assert!(batch.first.len() <= rows, "{rows} rows are too few to fill {tokens} tokens");
        while batch.first.len() < rows {
            batch.end_row(0);
        }
        batch.append_padding_cells();
        batch
    }

    /// Ends a row of `length` tokens, which are the last ones.
    fn end_row(&mut self, length: usize) {
        let (row, longest) = (self.first.len(), self.shape.longest);
        let start = self.cumulative[row];
        // An empty row has no first token; its answer is not read, but its index must be a valid one.
        self.first.push(if length == 0 { 0 } else { start });
        self.cumulative.push(start + length as i32);
        self.token_offset.extend((row * longest..row * longest + length).map(|cell| cell as i32));
    }

    fn append_padding_cells(&mut self) {
        let longest = self.shape.longest;
        let cells: Vec<i32> = self
            .cumulative
            .windows(2)
            .enumerate()
            .flat_map(|(row, ends)| {
                let length = (ends[1] - ends[0]) as usize;
                (row * longest + length..(row + 1) * longest).map(|cell| cell as i32)
            })
            .collect();
        self.token_offset.extend(cells);
    }

    /// `graph::input::MEAN`, row-major `[rows, tokens]`.
    pub fn mean_weights(&self) -> Vec<f32> {
        let mut weights = vec![0.0; self.shape.rows * self.shape.tokens];
        for (row, ends) in weights.chunks_exact_mut(self.shape.tokens.max(1)).zip(self.cumulative.windows(2)) {
            row[ends[0] as usize..ends[1] as usize].fill(1.0 / (ends[1] - ends[0]) as f32);
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The operator's own example (`PackedMultiHeadAttention` in ONNX Runtime's `ContribOperators.md`).
    #[test]
    fn lays_offsets_out_as_the_operator_documents() {
        let texts: [&[u32]; 3] = [&[9], &[9, 9], &[9, 9, 9, 9]];
        let batch = OffsetBatch::new(&texts, PositionRule::FromZero, BatchShape::of(&texts));
        assert_eq!(batch.token_offset, [0, 4, 5, 8, 9, 10, 11, 1, 2, 3, 6, 7]);
        assert_eq!(batch.cumulative, [0, 1, 3, 7]);
        assert_eq!(batch.first, [0, 1, 3]);
        assert_eq!(batch.positions, [0, 0, 1, 0, 1, 2, 3]);
    }

    #[test]
    fn fills_a_bucket_behind_the_texts() {
        let texts: [&[u32]; 2] = [&[0, 7, 2], &[0, 2]];
        let shape = BatchShape { tokens: 12, rows: 8, longest: 4 };
        let batch = OffsetBatch::new(&texts, PositionRule::BehindPadding { padding: 1 }, shape);
        assert_eq!(batch.ids, [0, 7, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(batch.positions[..6], [2, 3, 4, 2, 3, 0]);
        assert_eq!(batch.cumulative, [0, 3, 5, 9, 12, 12, 12, 12, 12]);
        assert_eq!(batch.first, [0, 3, 5, 9, 0, 0, 0, 0]);
        assert_eq!(batch.token_offset[..12], [0, 1, 2, 4, 5, 8, 9, 10, 11, 12, 13, 14]);
        let mean = batch.mean_weights();
        assert_eq!(mean[..12], [1. / 3., 1. / 3., 1. / 3., 0., 0., 0., 0., 0., 0., 0., 0., 0.]);
        assert_eq!(mean[12..17], [0., 0., 0., 0.5, 0.5]);
    }

    #[test]
    #[should_panic(expected = "rows are too few")]
    fn refuses_a_shape_without_room_for_what_fills() {
        OffsetBatch::new(&[&[1]], PositionRule::FromZero, BatchShape { tokens: 9, rows: 2, longest: 4 });
    }

    proptest! {
        #[test]
        fn every_token_is_in_the_cell_of_its_row_and_every_cell_is_named_once(
            texts in prop::collection::vec(prop::collection::vec(0u32..100, 1..40), 1..24)
        ) {
            let views: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
            for shape in [BatchShape::of(&views), BatchShape::of(&views).bucket()] {
                let batch = OffsetBatch::new(&views, PositionRule::FromZero, shape);
                prop_assert_eq!(batch.ids.len(), shape.tokens);
                prop_assert_eq!(batch.positions.len(), shape.tokens);
                prop_assert_eq!(batch.first.len(), shape.rows);
                prop_assert_eq!(batch.cumulative.len(), shape.rows + 1);
                prop_assert_eq!(batch.cumulative[shape.rows] as usize, shape.tokens);
                prop_assert!(batch.cumulative.windows(2).all(|ends| ends[1] - ends[0] <= shape.longest as i32));
                let mut cells = batch.token_offset.clone();
                cells.sort_unstable();
                prop_assert_eq!(cells, (0..(shape.rows * shape.longest) as i32).collect::<Vec<_>>());
                for (token, &cell) in batch.token_offset[..shape.tokens].iter().enumerate() {
                    let (row, column) = (cell as usize / shape.longest, cell as usize % shape.longest);
                    prop_assert_eq!(batch.cumulative[row] as usize + column, token);
                }
                for (row, text) in texts.iter().enumerate() {
                    let start = batch.first[row] as usize;
                    let ids: Vec<u32> = batch.ids[start..start + text.len()].iter().map(|&id| id as u32).collect();
                    prop_assert_eq!(&ids, text);
                }
            }
        }
    }
}
