//! The bridge to an index: one that is written, and one that is searched.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chorus_index::{
    Condition, Description, FileDigest, Hit, Index, IndexError, MAX_DIMENSIONS, Query, Searched, Searcher, Writer,
    write_graph,
};
use chorus_runtime::limits;
use napi::{
    Env, Error, Result,
    bindgen_prelude::{Float32Array, Object},
};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::{Resolver, guarded, in_background, resolver};

/// The vectors of an index that is being written.
#[napi]
pub struct IndexWriter {
    writer: Arc<Mutex<Option<Writer>>>,
}

#[napi]
impl IndexWriter {
    /// Goes on behind the whole rows that are in `folder`.
    #[napi(constructor)]
    #[allow(clippy::needless_pass_by_value, reason = "the bridge gives it away")]
    pub fn new(folder: String, dimensions: u32) -> Result<Self> {
        guarded(|| {
            let dimensions = dimensions as usize;
            if !(1..=MAX_DIMENSIONS).contains(&dimensions) {
                return Err(Error::from_reason(format!("{dimensions} dimensions: 1 to {MAX_DIMENSIONS} can be")));
            }
            let writer = Writer::open(Path::new(&folder), dimensions).map_err(to_error)?;
            Ok(Self { writer: Arc::new(Mutex::new(Some(writer))) })
        })
    }

    /// Rows that are written.
    #[napi(getter)]
    pub fn rows(&self) -> u32 {
        self.writer.lock().as_ref().map_or(0, |writer| writer.rows() as u32)
    }

    /// Appends one vector behind the other; null, or which of them cannot be and why, and then none is written.
    #[napi]
    #[allow(clippy::needless_pass_by_value, reason = "the bridge gives it away")]
    pub fn append(&self, values: Float32Array) -> Result<Option<RefusedRow>> {
        guarded(|| {
            let mut writer = self.writer.lock();
            let writer = writer.as_mut().ok_or_else(finished)?;
            let refused = writer.append(&values).err();
            Ok(refused.map(|(row, error)| RefusedRow { row: row.map(|row| row as u32), message: error.to_string() }))
        })
    }

    /// Writes what is computed from the vectors; nothing can be appended any more.
    #[napi(ts_return_type = "Promise<WriteOutcome>")]
    pub fn finish<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let writer = self.writer.lock().take().ok_or_else(finished)?;
        in_background(env, move || match writer.finish() {
            Ok(written) => WriteOutcome::Done { rows: written.rows as u32, error: written.error },
            Err(error) => WriteOutcome::Failed { message: error.to_string() },
        })
    }
}

/// The graph of an index, which is made of the vectors that are written.
#[napi]
#[derive(Default)]
pub struct GraphWriter {
    added: Arc<AtomicUsize>,
}

#[napi]
impl GraphWriter {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rows that are in it.
    #[napi(getter)]
    pub fn added(&self) -> u32 {
        self.added.load(Ordering::Relaxed) as u32
    }

    /// Writes the graph of the rows in `folder` by so many threads, 0: one for each core that the process may use. One makes
    /// the same file each time.
    #[napi(ts_return_type = "Promise<GraphOutcome>")]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        folder: String,
        dimensions: u32,
        rows: u32,
        threads: u32,
    ) -> Result<Object<'env>> {
        let added = Arc::clone(&self.added);
        in_background(env, move || {
            let threads = if threads == 0 { limits::cores() } else { threads as usize };
            let written = write_graph(Path::new(&folder), dimensions as usize, rows as usize, threads, &added);
            written.map_or_else(|error| GraphOutcome::Failed { message: error.to_string() }, |()| GraphOutcome::Done)
        })
    }
}

/// An index that is searched, once it is open.
#[napi]
#[derive(Default)]
pub struct VectorIndex {
    searcher: Arc<Mutex<Option<Searcher>>>,
}

#[napi]
impl VectorIndex {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads every file of `folder` once, on a thread of its own.
    #[napi(ts_return_type = "Promise<OpenOutcome>")]
    pub fn open<'env>(&self, env: &'env Env, folder: String, description: IndexDescription) -> Result<Object<'env>> {
        let slot = Arc::clone(&self.searcher);
        in_background(env, move || {
            let opened = Index::open(Path::new(&folder), description.into());
            match opened
                .map_err(|error| error.to_string())
                .and_then(|index| Searcher::start(index).map_err(|error| format!("no thread can be started: {error}")))
            {
                Ok(searcher) => {
                    *slot.lock() = Some(searcher);
                    OpenOutcome::Done
                }
                Err(message) => OpenOutcome::Failed { message },
            }
        })
    }

    /// The nearest rows of each of `vectors`, which lie one behind the other.
    #[napi(ts_return_type = "Promise<SearchOutcome>")]
    #[allow(clippy::needless_pass_by_value, reason = "the bridge gives it away")]
    pub fn search<'env>(&self, env: &'env Env, vectors: Float32Array, search: Search) -> Result<Object<'env>> {
        let slot = self.searcher.lock();
        let searcher = slot.as_ref().ok_or_else(|| Error::from_reason("the index is not open"))?;
        let index = Arc::clone(searcher.index());
        let Search { top, exact, conditions, deadline_ms } = search;
        let conditions = conditions_of(conditions, index.description().fields)?;
        let queries = vectors
            .chunks(index.description().dimensions)
            .map(|vector| Query { vector: vector.to_vec(), top: top as usize, conditions: conditions.clone(), exact })
            .collect();
        // No time that is that far away is kept.
        let deadline =
            deadline_ms.and_then(|ms| Instant::now().checked_add(Duration::try_from_secs_f64(ms / 1e3).ok()?));
        let (deferred, promise) = env.create_deferred::<SearchOutcome, Resolver<SearchOutcome>>()?;
        searcher.search(queries, deadline, move |found| deferred.resolve(resolver(SearchOutcome::of(found, &index))));
        Ok(promise)
    }

    /// Answers what was asked, then lets go of the files.
    #[napi]
    pub fn close(&self) -> Result<()> {
        guarded(|| {
            *self.searcher.lock() = None;
            Ok(())
        })
    }
}

/// What an index's files are, as its manifest has it.
#[napi(object)]
pub struct IndexDescription {
    pub dimensions: u32,
    pub rows: u32,
    /// How many fields rows can be filtered by.
    pub fields: u32,
    /// `WriteOutcome.error`.
    pub error: f64,
    /// Whether there is a graph, which names the rows that are compared.
    pub graph: bool,
    pub files: Vec<IndexFile>,
}

#[napi(object)]
pub struct IndexFile {
    pub name: String,
    /// Hexadecimal.
    pub sha256: String,
}

impl From<IndexDescription> for Description {
    fn from(description: IndexDescription) -> Self {
        let files = description.files.into_iter().map(|IndexFile { name, sha256 }| FileDigest { name, sha256 });
        Self {
            dimensions: description.dimensions as usize,
            rows: description.rows as usize,
            fields: description.fields as usize,
            error: description.error,
            graph: description.graph,
            files: files.collect(),
        }
    }
}

/// What is looked for.
#[napi(object)]
pub struct Search {
    /// How many rows of each vector, at most.
    pub top: u32,
    /// Whether all rows are compared, also where there is a graph.
    pub exact: bool,
    /// All of which a row meets that is found.
    pub conditions: Vec<IndexCondition>,
    /// After which nobody wants the answer.
    pub deadline_ms: Option<f64>,
}

/// A row's value of `field`, by its place, is one of `codes`.
#[napi(object)]
pub struct IndexCondition {
    pub field: u32,
    pub codes: Vec<u32>,
}

/// Why vectors are not appended.
#[napi(object)]
pub struct RefusedRow {
    /// The first that cannot be in an index, among those that were given; none where the disk does not take them.
    pub row: Option<u32>,
    pub message: String,
}

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum WriteOutcome {
    Done {
        rows: u32,
        /// The longest difference between a row and what its bytes stand for.
        error: f64,
    },
    Failed {
        message: String,
    },
}

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum GraphOutcome {
    Done,
    Failed { message: String },
}

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum OpenOutcome {
    Done,
    Failed { message: String },
}

#[napi(discriminant = "type", discriminant_case = "lowercase")]
pub enum SearchOutcome {
    Done {
        /// How many rows were found for each vector.
        counts: Vec<u32>,
        /// Of all vectors' rows, best first: cosines.
        scores: Vec<f64>,
        rows: Vec<u32>,
        /// Of each row, where its line is.
        places: Vec<u32>,
        /// The lines, each once.
        entries: Vec<String>,
    },
    Failed {
        /// Whether the time was up, or the rows' lines are too large for an answer.
        #[napi(ts_type = "'late' | 'large' | 'other'")]
        reason: String,
        message: String,
    },
}

/// Bytes of the lines of one answer, counted as often as they are in it.
const MOST_BYTES: usize = 8 << 20;

impl SearchOutcome {
    fn of(found: Searched, index: &Index) -> Self {
        match found {
            Err(error) => {
                let reason = if matches!(error, IndexError::TooLate) { "late" } else { "other" };
                Self::Failed { reason: reason.to_owned(), message: error.to_string() }
            }
            Ok(found) => Self::done(&found, index),
        }
    }

    fn done(found: &[Vec<Hit>], index: &Index) -> Self {
        let hits: Vec<&Hit> = found.iter().flatten().collect();
        let bytes: usize = hits.iter().map(|hit| index.entry(hit.row).len()).sum();
        if bytes > MOST_BYTES {
            let message = format!("{} lines of {bytes} bytes, of at most {MOST_BYTES}", hits.len());
            return Self::Failed { reason: "large".to_owned(), message };
        }
        let mut entries = Vec::new();
        let mut place_of = HashMap::new();
        let places = hits.iter().map(|hit| {
            *place_of.entry(hit.row).or_insert_with(|| {
                entries.push(index.entry(hit.row).to_owned());
                entries.len() as u32 - 1
            })
        });
        let places = places.collect();
        Self::Done {
            counts: found.iter().map(|hits| hits.len() as u32).collect(),
            scores: hits.iter().map(|hit| f64::from(hit.score)).collect(),
            rows: hits.iter().map(|hit| hit.row).collect(),
            places,
            entries,
        }
    }
}

fn conditions_of(conditions: Vec<IndexCondition>, fields: usize) -> Result<Vec<Condition>> {
    let of = |IndexCondition { field, codes }| {
        let field = field as usize;
        if field < fields {
            return Ok(Condition { field, codes });
        }
        Err(Error::from_reason(format!("field {field} of an index that has {fields}")))
    };
    conditions.into_iter().map(of).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn to_error(error: IndexError) -> Error {
    Error::from_reason(error.to_string())
}

fn finished() -> Error {
    Error::from_reason("the index is finished")
}
