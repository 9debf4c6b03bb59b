//! The rows of an index that are nearest to a vector, by the cosine of the angle between them: all of which are compared.
//!
//! An index is a folder of files that are written once and mapped. Its rows are read twice: all of them as signed bytes,
//! a quarter of the memory, which finds candidates; then the candidates as f32, which puts them in order. What the bytes
//! can be wrong by is known, so it is known, too, whether a row that is no candidate could have been one: then more are
//! taken ([`Index::search`]). Nothing needs to be tuned, and a filter costs nothing.
//!
//! An index may have a graph, which names the candidates instead: faster from a million rows on, and not exact.
//!
//! - [`Writer`]: vectors → files
//! - [`Index`]: files → what is nearest; `files` checks and maps them, `rows` has the vectors
//! - [`write_graph`]: vectors → the file of a graph; `graph` checks and searches it
//! - [`Condition`]: which rows may be found; `candidates`: the best of those that were seen
//! - [`Searcher`]: the thread that searches, for several requests at once
//!
//! A file that is mapped must not be changed: replacing it by rename is fine, writing into it ends the process.

mod candidates;
mod error;
mod fields;
mod files;
mod graph;
mod index;
mod rows;
mod searcher;
#[cfg(test)]
mod tests;
mod vector;
mod writer;

pub use error::IndexError;
pub use fields::Condition;
pub use files::FileDigest;
pub use graph::write_graph;
pub use index::{Description, Hit, Index, Query};
pub use searcher::{Searched, Searcher};
pub use writer::{Writer, Written};

/// The most values of a vector.
pub const MAX_DIMENSIONS: usize = chorus_kernels::scan::MAX_ROW_BYTES;

/// Rows are numbered by 32 bits, and one number is kept for none.
pub const MAX_ROWS: usize = u32::MAX as usize;

/// Vectors, row after row, as f32 in the order of this machine's bytes, which is little-endian everywhere we run.
pub const VECTORS: &str = "vectors.f32";
/// The same as signed bytes, each row filled up with zeros to whole registers.
pub const BYTES: &str = "vectors.i8";
/// The scale of each row of bytes, as f32.
pub const SCALES: &str = "scales.f32";
/// A line for each row.
pub const ENTRIES: &str = "entries.jsonl";
/// Where each line begins, and where the last one ends, as u64.
pub const OFFSETS: &str = "entries.u64";
/// Of each field that can be filtered by, one after the other: the code of each row's value as u32; 0: it has none.
pub const FIELDS: &str = "fields.u32";
/// Where there is one: the graph that leads to rows, with a copy of them as f16, as usearch writes it.
pub const GRAPH: &str = "graph.usearch";
