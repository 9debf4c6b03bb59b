//! Softmax attention over texts of different lengths that lie one after the other, without padding.
//!
//! A text and a head are one piece of work, done in one pass while its keys and values are in the cache: the
//! keys are transposed into panels, and tiles of queries go through both products and the softmax between
//! them. The products are those of [`tile`](crate::tile), so a query's result has the same bits whatever
//! other texts, and whatever other queries of its text, are computed with it.

mod pack;
mod softmax;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::gemm::RowWords;
use crate::isa::Isa;
use crate::matrix::{Matrix, MatrixMut};
use crate::tile::{F32Kernels, Sums, TILE_ROWS, Tile, TileKernel};
use crate::words::{Line, words_of_floats, words_of_lines, words_of_sums};

/// Keys in a panel.
const KEYS: usize = 48;

/// Columns of values in a panel: half of the usual head of 64.
const VALUES: usize = 32;

/// Multi-head attention: `softmax(q · kᵀ / √head_size) · v` for every head of every text.
#[derive(Clone, Copy)]
pub struct Attention {
    heads: usize,
    head_size: usize,
    isa: Isa,
    kernels: F32Kernels,
}

/// Queries, keys and values, `[rows, heads · head_size]` each, of several texts.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub queries: Matrix<'a>,
    pub keys: Matrix<'a>,
    pub values: Matrix<'a>,
    /// The first row of each text's queries, and the number of all: `0, …, queries.rows()`.
    pub query_offsets: &'a [usize],
    /// The same for keys and values. Where only a text's first token is wanted, these differ.
    pub key_offsets: &'a [usize],
}

/// One head of one text.
struct Part {
    first_query: usize,
    keys: Range<usize>,
    /// Of the inputs.
    columns: Range<usize>,
}

/// Memory that [`Attention::run`] works in. Reusable: it grows to the longest text and stays.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    /// Keys of one head, transposed: panels `[head_size][KEYS]`, the last as narrow as 16.
    keys: Vec<Line>,
    /// Values of one head: panels `[keys][VALUES]`, filled up with zeros.
    values: Vec<Line>,
    /// Scores, then weights, of a tile: a panel of `[TILE_ROWS][KEYS]` after the other.
    weights: Vec<Sums<KEYS>>,
}

impl AttentionScratch {
    pub fn new() -> Self {
        Self::default()
    }
}

impl Attention {
    /// # Panics
    /// If either is zero.
    pub fn new(heads: usize, head_size: usize) -> Self {
        assert!(heads > 0 && head_size > 0, "{heads} heads of {head_size}");
        Self { heads, head_size, isa: Isa::best(), kernels: F32Kernels::new(Isa::best()) }
    }

    /// The same operator with the instructions of `isa` instead of the best.
    #[must_use]
    pub fn with_isa(self, isa: Isa) -> Self {
        Self { isa, kernels: F32Kernels::new(isa), ..self }
    }

    /// Computes all heads into `y[queries, heads · head_size]`.
    ///
    /// # Panics
    /// If the shapes do not match.
    pub fn run(&self, inputs: &Inputs<'_>, scratch: &mut AttentionScratch, y: MatrixMut<'_>) {
        self.run_heads(inputs, 0..self.heads, scratch, y);
    }

    /// Computes some heads into `y[queries, heads.len() · head_size]`, so that several threads can share the
    /// work, each with its own scratch. Texts without keys give zeros.
    ///
    /// # Panics
    /// If the shapes do not match.
    pub fn run_heads(
        &self,
        inputs: &Inputs<'_>,
        heads: Range<usize>,
        scratch: &mut AttentionScratch,
        mut y: MatrixMut<'_>,
    ) {
        let Inputs { queries, keys, values, query_offsets, key_offsets } = *inputs;
        let width = self.heads * self.head_size;
        assert!(heads.start <= heads.end && heads.end <= self.heads, "heads {heads:?} of {}", self.heads);
        assert_eq!([queries.columns(), keys.columns(), values.columns()], [width; 3], "columns");
        assert_eq!((y.rows(), y.columns()), (queries.rows(), heads.len() * self.head_size), "output");
        assert_eq!((query_offsets.first(), query_offsets.last()), (Some(&0), Some(&queries.rows())), "query offsets");
        assert_eq!((key_offsets.first(), key_offsets.last()), (Some(&0), Some(&keys.rows())), "key offsets");
        assert_eq!((values.rows(), key_offsets.len()), (keys.rows(), query_offsets.len()), "values, texts");
        for (text_queries, text_keys) in query_offsets.windows(2).zip(key_offsets.windows(2)) {
            for head in heads.clone() {
                let columns = |head: usize| head * self.head_size..(head + 1) * self.head_size;
                let target = y.block(text_queries[0]..text_queries[1], columns(head - heads.start));
                let part =
                    Part { first_query: text_queries[0], keys: text_keys[0]..text_keys[1], columns: columns(head) };
                self.run_part(inputs, part, scratch, target);
            }
        }
    }

    /// Computes one head of one text into `y[queries, head_size]`.
    fn run_part(&self, inputs: &Inputs<'_>, part: Part, scratch: &mut AttentionScratch, mut y: MatrixMut<'_>) {
        let Part { first_query, keys, columns } = part;
        if keys.is_empty() {
            (0..y.rows()).for_each(|row| y.row_mut(row).fill(0.0));
            return;
        }
        let count = keys.len();
        pack::keys(self.isa, inputs.keys, keys.clone(), columns.clone(), &mut scratch.keys);
        pack::values(inputs.values, keys, columns.clone(), &mut scratch.values);
        let AttentionScratch { keys, values, weights } = scratch;
        weights.resize(count.div_ceil(KEYS) * TILE_ROWS, Sums([0; KEYS]));
        let scale = (self.head_size as f32).sqrt().recip();
        for first in (0..y.rows()).step_by(TILE_ROWS) {
            let rows = TILE_ROWS.min(y.rows() - first);
            let words = words_of_floats(inputs.queries.values_from(first_query + first, columns.start));
            let queries = RowWords { words, stride: inputs.queries.stride(), rows };
            self.scores(queries, words_of_lines(keys), weights);
            let factors = softmax::exponentials(self.isa, weights, rows, count, scale);
            let panels = words_of_lines(values).chunks_exact(count * VALUES);
            for (values, column) in panels.zip((0..self.head_size).step_by(VALUES)) {
                let mut sums = [Sums([0; VALUES]); TILE_ROWS];
                self.weighted_sums(weights, values, &mut sums[..rows]);
                let columns = column..(column + VALUES).min(self.head_size);
                softmax::write(self.isa, &sums[..rows], &factors, y.block(first..first + rows, columns));
            }
        }
    }

    /// `queries · keysᵀ`, panel by panel: [`TILE_ROWS`] rows of each.
    fn scores(&self, queries: RowWords<'_>, keys: &[u32], scores: &mut [Sums<KEYS>]) {
        for (panel, scores) in keys.chunks(self.head_size * KEYS).zip(scores.chunks_exact_mut(TILE_ROWS)) {
            let scores = &mut scores[..queries.rows];
            match panel.len() / self.head_size {
                16 => narrow_scores(self.kernels.narrow, queries, panel, scores),
                32 => narrow_scores(self.kernels.wide, queries, panel, scores),
                _ => multiply(self.kernels.widest, queries, panel, scores, false),
            }
        }
    }

    /// `weights · values`, one panel of weights after the other.
    fn weighted_sums(&self, weights: &[Sums<KEYS>], values: &[u32], sums: &mut [Sums<VALUES>]) {
        let panels = values.chunks(KEYS * VALUES).zip(weights.chunks_exact(TILE_ROWS));
        for (index, (values, weights)) in panels.enumerate() {
            let words = words_of_sums(weights);
            let weights = RowWords { words, stride: KEYS, rows: sums.len() };
            multiply(self.kernels.wide, weights, values, sums, index > 0);
        }
    }
}

/// The scores of a panel that is narrower than [`KEYS`].
fn narrow_scores<const COLUMNS: usize>(
    kernel: TileKernel<COLUMNS>,
    queries: RowWords<'_>,
    panel: &[u32],
    scores: &mut [Sums<KEYS>],
) {
    let mut sums = [Sums([0; COLUMNS]); TILE_ROWS];
    multiply(kernel, queries, panel, &mut sums[..scores.len()], false);
    for (sums, scores) in sums.iter().zip(scores) {
        *scores.0.first_chunk_mut().expect("it is narrower") = sums.0;
    }
}

fn multiply<const COLUMNS: usize>(
    kernel: TileKernel<COLUMNS>,
    rows: RowWords<'_>,
    panel: &[u32],
    sums: &mut [Sums<COLUMNS>],
    resume: bool,
) {
    // SAFETY: the kernels of `Attention` are those of its `isa`, which exists only where the CPU has it.
    unsafe { kernel(&mut Tile::new(rows.words, rows.stride, panel, sums, resume)) }
}
