//! The graph of an index: HNSW (Malkov & Yashunin, <https://arxiv.org/abs/1603.09320>) by usearch, over the rows as f16.
//!
//! It leads to rows that are near to a vector, and to most of the nearest, without a look at the others. It only names
//! candidates: who searches compares them by the rows themselves. Its file has a copy of the rows as f16 and the links
//! between them, and is mapped.
//!
//! - `build`: rows → a file
//! - `layout`: whether a file leads nowhere but to rows, which usearch does not ask
//! - here: what both have in common, and what is nearest

mod build;
mod layout;
#[cfg(test)]
mod tests;

use std::path::Path;

use chorus_kernels::{Isa, f16::product};
use half::f16;
use usearch::{IndexOptions, MetricKind, ScalarKind};

pub use build::write_graph;

use crate::{GRAPH, IndexError, files::Mapped};

/// Links of a row, at most, in each layer above the base, which has twice as many: M of the paper, which finds 5 to 48
/// reasonable, and what usearch and hnswlib take by default.
pub const CONNECTIVITY: usize = 16;
/// Candidates that a new row's links are chosen from: `efConstruction` of the paper, and usearch's default.
pub const EXPANSION_ADD: usize = 128;
/// Candidates that a search keeps: `ef` of the paper. Of a million rows of 384 dimensions, 256 lost 2.8 % of the nearest rows
/// of paraphrases, and 512 0.2 %, for half as long again (f16, clustered vectors).
pub const EXPANSION_SEARCH: usize = 512;

/// A graph that is searched.
pub struct Graph {
    /// Points into the mapping, which is dropped behind it.
    graph: usearch::Index,
    _file: Mapped,
}

impl Graph {
    /// Maps the graph in `folder`, which has one place for each of `rows` rows.
    ///
    /// Usearch must not meet a file that nobody knows: the caller has compared its digest, and each link is looked at here.
    ///
    /// # Errors
    /// When it is missing, another's, or leads to what is no row.
    pub fn open(folder: &Path, dimensions: usize, rows: usize) -> Result<Self, IndexError> {
        let file = Mapped::open(folder, GRAPH)?;
        let failed = |problem: String| IndexError::content(&file.path, problem);
        layout::check(file.bytes(), dimensions, rows).map_err(failed)?;
        let mut graph = new_graph(dimensions).map_err(failed)?;
        // SAFETY: the mapping is not changed, and outlives the graph, which is the field before it.
        unsafe { graph.view_from_buffer(file.bytes()) }.map_err(|error| failed(error.to_string()))?;
        // Looking at a file chooses usearch's own metric again.
        set_metric(&mut graph, dimensions);
        graph.change_expansion_search(EXPANSION_SEARCH);
        Ok(Self { graph, _file: file })
    }

    /// Rows that are near to `vector`, which is of length one, in any order; `count`, or fewer. None where usearch fails.
    pub fn near(&self, vector: &[f32], count: usize) -> Vec<u32> {
        let query = rounded(vector);
        let found = self.graph.search(usearch::f16::from_i16s(&query), count);
        found.map(|found| found.keys.into_iter().map(|key| key as u32).collect()).unwrap_or_default()
    }
}

fn new_graph(dimensions: usize) -> Result<usearch::Index, String> {
    let mut graph = usearch::Index::new(&IndexOptions {
        dimensions,
        metric: MetricKind::IP,
        quantization: ScalarKind::F16,
        connectivity: CONNECTIVITY,
        expansion_add: EXPANSION_ADD,
        expansion_search: EXPANSION_SEARCH,
        multi: false,
    })
    .map_err(|error| error.to_string())?;
    set_metric(&mut graph, dimensions);
    Ok(graph)
}

/// Measures distances by our inner product, which has the instructions of this machine: 1 − cosine, of vectors of length one.
fn set_metric(graph: &mut usearch::Index, dimensions: usize) {
    let isa = Isa::best();
    let metric = Box::new(move |left: *const usearch::f16, right: *const usearch::f16| {
        // SAFETY: usearch calls this with two of its vectors, of as many values as it was made for; both types are 16 bits.
        let [left, right] =
            [left, right].map(|vector| unsafe { std::slice::from_raw_parts(vector.cast::<f16>(), dimensions) });
        1.0 - product(isa, left, right)
    });
    graph.change_metric::<usearch::f16>(metric);
}

/// The bits of `vector` as f16.
fn rounded(vector: &[f32]) -> Vec<i16> {
    vector.iter().map(|&value| f16::from_f32(value).to_bits().cast_signed()).collect()
}
