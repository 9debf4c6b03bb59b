use std::{fs, sync::mpsc};

use proptest::prelude::*;
use tempfile::TempDir;

use super::{candidates::Scored, *};

/// Values from a linear congruential generator, in ±1.
pub(crate) fn values(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) struct Made {
    pub(crate) folder: TempDir,
    pub(crate) description: Description,
    pub(crate) vectors: Vec<f32>,
}

/// An index of `vectors`, whose lines are their numbers and whose one field is the number's remainder by three.
pub(crate) fn make(dimensions: usize, vectors: Vec<f32>) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(folder.path(), dimensions).unwrap();
    writer.append(&vectors).unwrap();
    let Written { rows, error } = writer.finish().unwrap();
    let lines: Vec<String> = (0..rows).map(|row| format!("{{\"id\":{row}}}\n")).collect();
    let mut offsets = vec![0_u64];
    offsets.extend(lines.iter().scan(0, |end, line| {
        *end += line.len() as u64;
        Some(*end)
    }));
    let codes: Vec<u32> = (0..rows).map(|row| row as u32 % 3).collect();
    fs::write(folder.path().join(ENTRIES), lines.concat()).unwrap();
    fs::write(folder.path().join(OFFSETS), bytemuck::cast_slice(&offsets)).unwrap();
    fs::write(folder.path().join(FIELDS), bytemuck::cast_slice(&codes)).unwrap();
    let description = Description { dimensions, rows, fields: 1, error, graph: false, files: Vec::new() };
    Made { folder, description, vectors }
}

impl Made {
    pub(crate) fn open(&self) -> Index {
        Index::open(self.folder.path(), self.description.clone()).unwrap()
    }

    /// By comparing all.
    pub(crate) fn nearest(&self, query: &Query) -> Vec<u32> {
        let dimensions = self.description.dimensions;
        let wanted = vector::normalized(&query.vector, dimensions).unwrap();
        let rows = self.vectors.chunks(dimensions).map(|row| vector::normalized(row, dimensions).unwrap());
        let mut scored: Vec<_> = rows
            .enumerate()
            .map(|(row, vector)| Scored { score: vector::product(&vector, &wanted), row: row as u32 })
            .filter(|scored| query.conditions.iter().all(|condition| condition.codes.contains(&(scored.row % 3))))
            .collect();
        scored.sort_by(|a, b| b.cmp(a));
        scored.truncate(query.top);
        scored.into_iter().map(|scored| scored.row).collect()
    }
}

pub(crate) fn query(vector: Vec<f32>, top: usize) -> Query {
    Query { vector, top, conditions: Vec::new(), exact: false }
}

pub(crate) fn rows_of(hits: &[Hit]) -> Vec<u32> {
    hits.iter().map(|hit| hit.row).collect()
}

#[test]
fn what_is_found_is_what_comparing_all_finds() {
    for dimensions in [1, 7, 64, 100, 384] {
        let made = make(dimensions, values(1000 * dimensions, 1));
        let index = made.open();
        let queries: Vec<_> = values(40 * dimensions, 2)
            .chunks(dimensions)
            .enumerate()
            .map(|(number, vector)| Query {
                conditions: match number % 3 {
                    0 => vec![],
                    1 => vec![Condition { field: 0, codes: vec![2, 1] }],
                    _ => vec![Condition { field: 0, codes: vec![0] }],
                },
                ..query(vector.to_vec(), 1 + number % 12)
            })
            .collect();
        for (query, hits) in queries.iter().zip(index.search(&queries)) {
            let hits = hits.unwrap();
            assert_eq!(rows_of(&hits), made.nearest(query), "{dimensions} dimensions");
            assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
        }
    }
}

#[test]
fn rows_that_bytes_cannot_tell_apart_are_told_apart() {
    // 20,000 vectors that differ by less than a step of their bytes: the first fifty candidates are any.
    let dimensions = 64;
    let base = values(dimensions, 3);
    let noise = values(20_000 * dimensions, 4);
    let vectors = noise.iter().enumerate().map(|(at, noise)| base[at % dimensions] + 1e-3 * noise).collect();
    let made = make(dimensions, vectors);
    let index = made.open();
    let wanted = query(made.vectors[1700 * dimensions..1701 * dimensions].to_vec(), 10);
    let hits = index.search(std::slice::from_ref(&wanted)).remove(0).unwrap();
    assert_eq!(rows_of(&hits), made.nearest(&wanted));
    assert_eq!(hits[0].row, 1700);
}

#[test]
fn of_equal_rows_the_first_is_found() {
    let row = values(16, 5);
    let made = make(16, row.repeat(500));
    let hits = made.open().search(&[query(row, 3)]).remove(0).unwrap();
    assert_eq!(rows_of(&hits), [0, 1, 2]);
}

#[test]
fn an_answer_does_not_depend_on_the_other_queries() {
    let made = make(32, values(700 * 32, 6));
    let index = made.open();
    let queries: Vec<_> = values(9 * 32, 7).chunks(32).map(|vector| query(vector.to_vec(), 5)).collect();
    let together: Vec<_> = index.search(&queries).into_iter().map(Result::unwrap).collect();
    for (query, together) in queries.iter().zip(together) {
        assert_eq!(index.search(std::slice::from_ref(query)).remove(0).unwrap(), together);
    }
}

#[test]
fn a_condition_that_no_row_meets_finds_nothing() {
    let made = make(8, values(100 * 8, 8));
    let none = Query { conditions: vec![Condition { field: 0, codes: vec![9] }], ..query(values(8, 9), 3) };
    assert_eq!(made.open().search(&[none]).remove(0).unwrap(), []);
}

#[test]
fn an_empty_index_has_empty_answers() {
    let made = make(8, Vec::new());
    assert_eq!(made.open().search(&[query(values(8, 9), 3)]).remove(0).unwrap(), []);
}

#[test]
fn what_has_no_direction_is_neither_written_nor_looked_for() {
    let made = make(4, values(40, 10));
    let index = made.open();
    for (vector, expected) in [
        (vec![0.0; 4], "the vector is zero, and has no direction"),
        (vec![1.0, f32::NAN, 0.0, 0.0], "the vector has a value that is not a finite number"),
        (vec![1.0, f32::INFINITY, 0.0, 0.0], "the vector has a value that is not a finite number"),
        (vec![1.0; 3], "the vector has 3 values, and the index has 4"),
    ] {
        let good = query(values(4, 11), 1);
        let mut results = index.search(&[query(vector.clone(), 1), good]).into_iter();
        assert_eq!(results.next().unwrap().unwrap_err().to_string(), expected);
        assert_eq!(results.next().unwrap().unwrap().len(), 1, "the other query is answered");
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path(), 4).unwrap();
        let (row, error) = writer.append(&[vec![1.0; 4], vector].concat()).unwrap_err();
        let row = row.unwrap();
        assert_eq!((row, error.to_string().as_str()), (1, expected));
        assert_eq!(writer.rows(), 0, "none of them is written");
    }
}

#[test]
fn an_interrupted_writer_goes_on_behind_the_last_whole_row() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = values(30, 12);
    let mut writer = Writer::open(folder.path(), 3).unwrap();
    writer.append(&vectors[..15]).unwrap();
    drop(writer);
    let path = folder.path().join(VECTORS);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &[1, 2, 3, 4, 5]].concat()).unwrap();
    let mut writer = Writer::open(folder.path(), 3).unwrap();
    assert_eq!(writer.rows(), 5);
    writer.append(&vectors[15..]).unwrap();
    assert_eq!(writer.finish().unwrap().rows, 10);
    assert_eq!(fs::read(&path).unwrap(), fs::read(make(3, vectors).folder.path().join(VECTORS)).unwrap());
}

#[test]
fn rows_that_are_not_as_they_were_written_are_written_anew() {
    for damage in [0.0_f32, f32::NAN, 7.0] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(folder.path(), 3).unwrap();
        writer.append(&values(30, 12)).unwrap();
        drop(writer);
        let path = folder.path().join(VECTORS);
        let mut bytes = fs::read(&path).unwrap();
        bytes[4 * 12..5 * 12].copy_from_slice(bytemuck::cast_slice(&[damage; 3]));
        fs::write(&path, bytes).unwrap();
        assert_eq!(Writer::open(folder.path(), 3).unwrap().rows(), 4, "{damage}");
    }
}

#[test]
fn a_request_with_many_queries_does_not_stand_before_one_with_a_few() {
    let made = make(16, values(30_000 * 16, 18));
    let searcher = Searcher::start(made.open()).unwrap();
    let (send, received) = mpsc::channel();
    let ask = |count: usize, name: &'static str| {
        let queries = vec![query(values(16, 19), 1); count];
        let send = send.clone();
        searcher.search(queries, None, move |result| {
            assert_eq!(result.unwrap().len(), count);
            send.send(name).unwrap();
        });
    };
    ask(2000, "many");
    ask(1, "one");
    assert_eq!(received.recv().unwrap(), "one");
    assert_eq!(received.recv().unwrap(), "many");
}

#[test]
fn a_deadline_ends_a_request_in_the_middle() {
    let made = make(16, values(20_000 * 16, 20));
    let searcher = Searcher::start(made.open()).unwrap();
    let (send, received) = mpsc::channel();
    let queries = vec![query(values(16, 21), 1); 100_000];
    let deadline = std::time::Instant::now() + std::time::Duration::from_millis(50);
    searcher.search(queries, Some(deadline), move |result| send.send(result).unwrap());
    assert!(matches!(received.recv().unwrap(), Err(IndexError::TooLate)));
}

/// What a file is now.
pub(crate) fn digest(made: &Made, name: &str) -> FileDigest {
    let wrong = FileDigest { name: name.to_owned(), sha256: String::new() };
    match files::verify(made.folder.path(), &wrong).unwrap_err() {
        IndexError::Digest { found, .. } => FileDigest { sha256: found, ..wrong },
        error => panic!("{error}"),
    }
}

#[test]
fn a_damaged_file_is_refused_by_its_name() {
    for name in [VECTORS, BYTES, SCALES, ENTRIES, OFFSETS, FIELDS] {
        let mut made = make(8, values(80, 13));
        made.description.files = vec![digest(&made, name)];
        made.open();
        let path = made.folder.path().join(name);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&whole[..whole.len() - 1], &[&whole[..], b"x"].concat(), &[], &flipped] {
            fs::remove_file(&path).unwrap();
            fs::write(&path, damaged).unwrap();
            let Err(error) = Index::open(made.folder.path(), made.description.clone()) else { panic!("{name} opens") };
            let message = error.to_string();
            assert!(message.contains(name) || name == ENTRIES && message.contains(OFFSETS), "{message}");
        }
        fs::remove_file(&path).unwrap();
        let Err(error) = Index::open(made.folder.path(), made.description.clone()) else { panic!("{name} opens") };
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn lines_that_are_not_where_they_are_said_to_be_are_refused() {
    for offsets in [[1_u64, 2, 4], [0, 3, 2], [0, 1, 4], [0, 2, 3], [0, u64::MAX, 4]] {
        let made = make(2, vec![1.0; 4]);
        fs::write(made.folder.path().join(ENTRIES), "aéb").unwrap();
        let path = made.folder.path().join(OFFSETS);
        fs::write(&path, bytemuck::cast_slice(&offsets)).unwrap();
        let result = Index::open(made.folder.path(), made.description.clone());
        assert_eq!(result.is_ok(), offsets == [0, 1, 4], "{offsets:?}");
    }
}

#[test]
fn several_requests_are_answered_each_with_its_own() {
    let made = make(16, values(300 * 16, 14));
    let searcher = Searcher::start(made.open()).unwrap();
    let (send, received) = mpsc::channel();
    let queries = values(90 * 16, 15);
    for (number, vectors) in queries.chunks(3 * 16).enumerate() {
        let send = send.clone();
        let queries = vectors.chunks(16).map(|vector| query(vector.to_vec(), 2)).collect();
        searcher.search(queries, None, move |result| send.send((number, result.unwrap())).unwrap());
    }
    drop(send);
    drop(searcher);
    let mut answered = 0;
    for (number, hits) in received {
        for (at, hits) in hits.iter().enumerate() {
            let first = (3 * number + at) * 16;
            assert_eq!(rows_of(hits), made.nearest(&query(queries[first..first + 16].to_vec(), 2)));
        }
        answered += 1;
    }
    assert_eq!(answered, 30, "what was asked before it was dropped is answered");
}

#[test]
fn who_is_late_is_not_searched_for() {
    let made = make(4, values(40, 16));
    let searcher = Searcher::start(made.open()).unwrap();
    let (send, received) = mpsc::channel();
    let past = std::time::Instant::now();
    searcher.search(vec![query(values(4, 17), 1)], Some(past), move |result| send.send(result.is_err()).unwrap());
    assert!(received.recv().unwrap());
}

proptest! {
    #[test]
    fn any_vectors_are_found_as_by_comparing_all(
        dimensions in 1_usize..70, rows in 1_usize..200, top in 1_usize..100, seed in any::<u64>(), steps in 1_u32..9,
    ) {
        // Few values that there are: many equal scores.
        let coarse = |value: &f32| (value * steps as f32).round().max(1.0 - steps as f32);
        let vectors: Vec<f32> = values(rows * dimensions, seed).iter().map(|value| coarse(value) + 0.25).collect();
        let made = make(dimensions, vectors);
        let wanted = query(values(dimensions, !seed), top);
        let hits = made.open().search(std::slice::from_ref(&wanted)).remove(0).unwrap();
        prop_assert_eq!(rows_of(&hits), made.nearest(&wanted));
    }
}
