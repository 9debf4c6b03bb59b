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
mod transpose;

use std::{marker::PhantomData, ops::Range};

use crate::{
    element::Element,
    isa::Isa,
    layout::{PackedFormat, RowWords, Sums},
    matrix::{Matrix, MatrixMut},
    parts::even_parts,
    tile::{PanelKernels, TILE_ROWS, Tile, TileKernel},
    words::{Line, floats_of_words_mut, halves_of_words_mut, words_of_lines, words_of_lines_mut},
};

/// Keys in a panel.
const KEYS: usize = 48;

/// Columns of values in a panel: half of the usual head of 64.
const VALUES: usize = 32;

/// Multi-head attention: `softmax(q · kᵀ / √head_size) · v` for every head of every text.
///
/// Queries, keys and values are of type `E`. If that is bf16 and the CPU multiplies it, the weights are rounded to
/// bf16 too, and both products are made of bf16 numbers; otherwise of f32. Sums and softmax are in f32.
#[derive(Clone, Copy, Debug)]
pub struct Attention<E: Element> {
    heads: usize,
    head_size: usize,
    /// Of the products: f32 or bf16.
    format: PackedFormat,
    isa: Isa,
    kernels: PanelKernels,
    element: PhantomData<E>,
}

/// Queries, keys and values, `[rows, heads · head_size]` each, of several texts.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a, E> {
    pub queries: Matrix<'a, E>,
    pub keys: Matrix<'a, E>,
    pub values: Matrix<'a, E>,
    /// The first row of each text's queries, and the number of all: `0, …, queries.rows()`.
    pub query_offsets: &'a [usize],
    /// The same for keys and values. Where only a text's first token is wanted, these differ.
    pub key_offsets: &'a [usize],
}

/// One head of one text.
struct Part {
    queries: Range<usize>,
    keys: Range<usize>,
    /// Of the inputs.
    columns: Range<usize>,
}

/// Memory that [`Attention::run`] works in. Reusable: it grows to the longest text and stays.
#[derive(Debug, Default)]
pub struct AttentionScratch {
    /// Keys, then queries, of one head, where they cannot be read in place.
    copied: Vec<Line>,
    /// Keys of one head, transposed: panels `[head_size][KEYS]`, the last as narrow as 16. In bf16, a word is
    /// two neighbours of a head.
    keys: Vec<Line>,
    /// Values of one head: panels `[keys][VALUES]`, filled up with zeros. In bf16, a word is of two keys.
    values: Vec<Line>,
    /// Scores of a tile: a panel of `[TILE_ROWS][KEYS]` after the other.
    scores: Vec<Sums<KEYS>>,
    /// Weights of a tile, row by row.
    weights: Vec<Line>,
}

impl AttentionScratch {
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that it has grown to after a text of `keys` tokens, in either format at most.
    pub fn bytes(keys: usize, head_size: usize) -> usize {
        let panel = keys.next_multiple_of(KEYS);
        let cells = 2 * panel * head_size + keys * head_size.next_multiple_of(VALUES);
        (cells + TILE_ROWS * (panel + PackedFormat::F32.stride(keys))) * size_of::<u32>()
    }
}

impl<E: Element> Attention<E> {
    /// # Panics
    /// If either is zero.
    pub fn new(heads: usize, head_size: usize) -> Self {
        assert!(heads > 0 && head_size > 0, "{heads} heads of {head_size}");
        let isa = Isa::best();
        let format = Self::products(isa);
        let kernels = PanelKernels::new(format, isa);
        Self { heads, head_size, format, isa, kernels, element: PhantomData }
    }

    fn products(isa: Isa) -> PackedFormat {
        if isa.has_bf16() { E::FORMAT } else { PackedFormat::F32 }
    }

    fn with_products(self, format: PackedFormat, isa: Isa) -> Self {
        Self { isa, format, kernels: PanelKernels::new(format, isa), ..self }
    }

    /// The same operator with the instructions of `isa` instead of the best.
    #[must_use]
    pub fn with_isa(self, isa: Isa) -> Self {
        self.with_products(Self::products(isa), isa)
    }

    /// Computes all heads into `y[queries, heads · head_size]`.
    ///
    /// # Panics
    /// If the shapes do not match.
    pub fn run<R: Element>(&self, inputs: &Inputs<'_, E>, scratch: &mut AttentionScratch, y: MatrixMut<'_, R>) {
        self.run_heads(inputs, 0..self.heads, scratch, y);
    }

    /// Computes some heads into `y[queries, heads.len() · head_size]`, so that several threads can share the
    /// work, each with its own scratch. Texts without keys give zeros.
    ///
    /// # Panics
    /// If the shapes do not match.
    pub fn run_heads<R: Element>(
        &self,
        inputs: &Inputs<'_, E>,
        heads: Range<usize>,
        scratch: &mut AttentionScratch,
        mut y: MatrixMut<'_, R>,
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
                let [queries, keys] = [text_queries, text_keys].map(|text| text[0]..text[1]);
                self.run_part(inputs, Part { queries, keys, columns: columns(head) }, scratch, target);
            }
        }
    }

    /// Computes one head of one text into `y[queries, head_size]`.
    fn run_part<R: Element>(
        &self,
        inputs: &Inputs<'_, E>,
        part: Part,
        scratch: &mut AttentionScratch,
        mut y: MatrixMut<'_, R>,
    ) {
        let Part { queries, keys, columns } = part;
        if keys.is_empty() {
            (0..y.rows()).for_each(|row| y.row_mut(row).fill(R::default()));
            return;
        }
        let (isa, format, count) = (self.isa, self.format, keys.len());
        let AttentionScratch { copied, keys: key_panels, values: value_panels, scores, weights } = scratch;
        let rows = pack::rows(isa, format, inputs.keys, keys.clone(), columns.clone(), copied);
        pack::keys(isa, rows, format.depth(self.head_size), key_panels);
        pack::values(isa, format, inputs.values, keys, columns.clone(), value_panels);
        let rows = pack::rows(isa, format, inputs.queries, queries, columns, copied);
        scores.resize(count.div_ceil(KEYS) * TILE_ROWS, Sums([0; KEYS]));
        let stride = format.stride(count);
        weights.resize(TILE_ROWS * stride / Line::WORDS, Line::ZERO);
        let scale = (self.head_size as f32).sqrt().recip();
        for tile in even_parts(0..y.rows(), TILE_ROWS) {
            self.scores(rows.tile(tile.clone()), words_of_lines(key_panels), scores);
            let words = words_of_lines_mut(weights);
            let factors = if format == PackedFormat::Bf16 {
                let weights = halves_of_words_mut(words);
                softmax::exponentials(isa, scores, tile.len(), count, scale, weights, 2 * stride)
            } else {
                softmax::exponentials(isa, scores, tile.len(), count, scale, floats_of_words_mut(words), stride)
            };
            let rows_of_weights = RowWords { words: words_of_lines(weights), stride, rows: tile.len() };
            let panels = words_of_lines(value_panels).chunks_exact(format.depth(count) * VALUES);
            for (panel, column) in panels.zip((0..self.head_size).step_by(VALUES)) {
                let mut sums = [Sums([0; VALUES]); TILE_ROWS];
                multiply(self.kernels.wide, rows_of_weights, panel, &mut sums[..tile.len()]);
                let columns = column..(column + VALUES).min(self.head_size);
                softmax::write(isa, &sums[..tile.len()], &factors, y.block(tile.clone(), columns));
            }
        }
    }

    /// `queries · keysᵀ`, panel by panel: [`TILE_ROWS`] rows of each.
    fn scores(&self, queries: RowWords<'_>, keys: &[u32], scores: &mut [Sums<KEYS>]) {
        let depth = self.format.depth(self.head_size);
        for (panel, scores) in keys.chunks(depth * KEYS).zip(scores.chunks_exact_mut(TILE_ROWS)) {
            let scores = &mut scores[..queries.rows];
            match panel.len() / depth {
                16 => narrow_scores(self.kernels.narrow, queries, panel, scores),
                32 => narrow_scores(self.kernels.wide, queries, panel, scores),
                _ => multiply(self.kernels.widest, queries, panel, scores),
            }
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
    multiply(kernel, queries, panel, &mut sums[..scores.len()]);
    for (sums, scores) in sums.iter().zip(scores) {
        *scores.0.first_chunk_mut().expect("it is narrower") = sums.0;
    }
}

fn multiply<const COLUMNS: usize>(
    kernel: TileKernel<COLUMNS>,
    rows: RowWords<'_>,
    panel: &[u32],
    sums: &mut [Sums<COLUMNS>],
) {
    // SAFETY: the kernels of `Attention` are those of its `isa`, which exists only where the CPU has it.
    unsafe { kernel(&mut Tile::new(rows.words, rows.stride, panel, sums, false)) }
}
