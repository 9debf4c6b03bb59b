//! A whole index: what is nearest to a vector, and the line that belongs to it.

use std::{path::Path, sync::Arc};

use crate::{
    ENTRIES, FIELDS, IndexError, OFFSETS,
    candidates::{Candidates, Scored},
    fields::{Condition, Fields},
    files::{FileDigest, Mapped, verify},
    graph::{EXPANSION_SEARCH, Graph},
    rows::{Rows, Wanted},
};

/// What a folder's files are, as the manifest of who wrote them has it.
#[derive(Clone, Debug)]
pub struct Description {
    pub dimensions: usize,
    pub rows: usize,
    /// How many fields rows can be filtered by.
    pub fields: usize,
    /// `Written::error` of the vectors.
    pub error: f64,
    /// Whether there is a graph, which names candidates.
    pub graph: bool,
    /// Of every file that is read.
    pub files: Vec<FileDigest>,
}

/// A vector to look for.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of any length but zero.
    pub vector: Vec<f32>,
    /// How many rows are wanted, at most.
    pub top: usize,
    /// All of which a row meets that is found.
    pub conditions: Vec<Condition>,
    /// Whether all rows are compared, also where there is a graph.
    pub exact: bool,
}

/// A row that was found.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Hit {
    pub row: u32,
    /// The cosine of the angle between the two vectors.
    pub score: f32,
}

pub struct Index {
    rows: Rows,
    entries: Mapped,
    offsets: Mapped,
    fields: Fields,
    graph: Option<Graph>,
    description: Description,
}

/// Candidates that are compared exactly, at least; measured on a million rows of 384 dimensions, the nearest was always
/// among them.
const CANDIDATES: usize = 50;
/// By how much more are taken, where they were not enough.
const GROWTH: usize = 8;
/// With so many there is no next scan: of as many rows that differ by less than their bytes can tell, any may be found.
const MOST_CANDIDATES: usize = 200_000;
/// What f32 can be wrong by where scores of bytes are computed.
const ROUNDING: f64 = 1e-6;

impl Index {
    /// Reads every file once.
    ///
    /// # Errors
    /// When a file is missing, has another size or another digest, its lines are not where they are said to be, or its graph
    /// leads elsewhere.
    pub fn open(folder: &Path, description: Description) -> Result<Self, IndexError> {
        let Description { dimensions, rows: count, fields, .. } = description;
        let rows = Rows::open(folder, dimensions, count)?;
        let codes = Mapped::of_rows(folder, FIELDS, count, fields * size_of::<u32>())?;
        let offsets = Mapped::of_rows(folder, OFFSETS, count + 1, size_of::<u64>())?;
        let entries = Mapped::open(folder, ENTRIES)?;
        for file in &description.files {
            verify(folder, file)?;
        }
        let fields = Fields { codes, rows: count };
        let graph = description.graph.then(|| Graph::open(folder, dimensions, count)).transpose()?;
        let index = Self { rows, entries, offsets, fields, graph, description };
        index.check_lines()?;
        Ok(index)
    }

    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The line of a row that was found.
    pub fn entry(&self, row: u32) -> &str {
        let offsets = self.offsets.values::<u64>();
        let (begin, end) = (offsets[row as usize] as usize, offsets[row as usize + 1] as usize);
        let line = &self.entries.bytes()[begin..end];
        std::str::from_utf8(line).unwrap_or_default().trim_end_matches('\n')
    }

    /// The nearest rows of each query, best first; of equal ones, the first. A query does not depend on the others, and
    /// every machine gives the same answer.
    ///
    /// A row and a vector are of length one, and their bytes are wrong by vectors of a known length; so the score that
    /// bytes give is wrong by at most the sum of the two. Where the last of the rows that are wanted is better than
    /// all that was left out by more than that, nothing is missing. Otherwise, more candidates are compared.
    ///
    /// Where there is a graph, it names the candidates, and a row that it does not lead to is not found. Only where it leads to
    /// fewer than are wanted, as where few rows meet the conditions, all rows are compared.
    pub fn search(&self, queries: &[Query]) -> Vec<Result<Vec<Hit>, IndexError>> {
        let mut results: Vec<_> = queries
            .iter()
            .map(|query| {
                let wanted = self.rows.wanted(&query.vector)?;
                let near = self.near(&wanted, query);
                Ok((wanted, near))
            })
            .collect();
        let mut growth = 1;
        loop {
            let (places, open): (Vec<usize>, Vec<&Wanted>) = results
                .iter()
                .enumerate()
                .filter_map(|(place, result)| match result {
                    Ok((wanted, None)) => Some((place, wanted)),
                    _ => None,
                })
                .unzip();
            if open.is_empty() {
                break;
            }
            let found = self.pass(&open, &places, queries, growth);
            for (place, hits) in places.into_iter().zip(found) {
                if let Ok((_, result)) = &mut results[place] {
                    *result = hits;
                }
            }
            growth *= GROWTH;
        }
        results.into_iter().map(|result| result.map(|(_, hits)| hits.unwrap_or_default())).collect()
    }

    /// What the graph leads to; nothing where that is not enough, or there is none.
    fn near(&self, wanted: &Wanted, query: &Query) -> Option<Vec<Hit>> {
        let graph = self.graph.as_ref().filter(|_| !query.exact)?;
        // A search keeps so many whatever it gives; of some, few may meet the conditions.
        let least = if query.conditions.is_empty() { CANDIDATES } else { EXPANSION_SEARCH };
        let filter = self.fields.filter(&query.conditions);
        let candidates = graph.near(&wanted.vector, least.max(2 * query.top)).into_iter();
        let found = self.best(candidates.filter(|&row| filter.is_met_by(row as usize)), wanted, query.top);
        (found.len() == query.top.min(self.description.rows)).then(|| hits_of(&found))
    }

    /// The best of `candidates` by their f32, at most `top`.
    fn best(&self, candidates: impl Iterator<Item = u32>, wanted: &Wanted, top: usize) -> Vec<Scored<f64>> {
        let mut found: Vec<_> = candidates.map(|row| Scored { score: self.rows.score(row, wanted), row }).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.truncate(top);
        found
    }

    /// One scan for `wanted`, each of the query at its place; nothing for those that need another.
    fn pass(&self, wanted: &[&Wanted], places: &[usize], queries: &[Query], growth: usize) -> Vec<Option<Vec<Hit>>> {
        let room = |&place: &usize| CANDIDATES.max(2 * queries[place].top) * growth;
        let mut candidates: Vec<_> = places.iter().map(|place| Candidates::new(room(place))).collect();
        let masks = self.masks(places, queries);
        self.rows.scan(wanted, &mut candidates, |query, row| masks[query].as_ref().is_none_or(|meets| meets[row]));
        let of_query = candidates.iter().zip(wanted).zip(places);
        of_query
            .map(|((candidates, wanted), place)| {
                let found = self.best(candidates.rows(), wanted, queries[*place].top);
                let is_whole = candidates.floor().is_none_or(|floor| {
                    let wrong = self.description.error + wanted.quantized.error * (1.0 + self.description.error);
                    found.last().is_none_or(|last| last.score > f64::from(floor) + wrong + ROUNDING)
                });
                let is_last = room(place) >= MOST_CANDIDATES;
                (is_whole || is_last).then(|| hits_of(&found))
            })
            .collect()
    }

    /// Which rows each query may find; those of one request have the same conditions, and are worked out once.
    fn masks(&self, places: &[usize], queries: &[Query]) -> Vec<Option<Arc<Vec<bool>>>> {
        let mut masks: Vec<Option<Arc<Vec<bool>>>> = Vec::with_capacity(places.len());
        for (at, &place) in places.iter().enumerate() {
            let conditions = &queries[place].conditions;
            let is_known = at > 0 && queries[places[at - 1]].conditions == *conditions;
            masks.push(if is_known { masks[at - 1].clone() } else { self.fields.meeting(conditions).map(Arc::new) });
        }
        masks
    }

    fn check_lines(&self) -> Result<(), IndexError> {
        let offsets = self.offsets.values::<u64>();
        let path = &self.offsets.path;
        let length = self.entries.bytes().len() as u64;
        if offsets.first() != Some(&0) || offsets.last() != Some(&length) || !offsets.is_sorted() {
            return Err(IndexError::content(path, format!("its lines do not cover the {length} bytes of {ENTRIES}")));
        }
        match std::str::from_utf8(self.entries.bytes()) {
            Ok(lines) if offsets.iter().all(|&offset| lines.is_char_boundary(offset as usize)) => Ok(()),
            Ok(_) => Err(IndexError::content(path, "a line begins in the middle of a character")),
            Err(error) => Err(IndexError::content(&self.entries.path, error.to_string())),
        }
    }
}

fn hits_of(found: &[Scored<f64>]) -> Vec<Hit> {
    found.iter().map(|&Scored { score, row }| Hit { row, score: (score as f32).clamp(-1.0, 1.0) }).collect()
}
