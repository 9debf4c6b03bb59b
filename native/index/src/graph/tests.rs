use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    Condition, Index, Query,
    tests::{Made, digest, make, query, rows_of, values},
};

/// As of `make`, with a graph.
fn with_graph(dimensions: usize, rows: usize, seed: u64) -> Made {
    let mut made = make(dimensions, values(rows * dimensions, seed));
    build(&made, 2);
    made.description.graph = true;
    made
}

fn build(made: &Made, threads: usize) {
    let (folder, rows, added) = (made.folder.path(), made.description.rows, AtomicUsize::new(0));
    write_graph(folder, made.description.dimensions, rows, threads, &added).unwrap();
    assert_eq!(added.load(Ordering::Relaxed), rows);
}

fn graph_of(made: &Made) -> Vec<u8> {
    fs::read(made.folder.path().join(GRAPH)).unwrap()
}

fn replace(made: &Made, graph: &[u8]) {
    let path = made.folder.path().join(GRAPH);
    fs::remove_file(&path).unwrap();
    fs::write(&path, graph).unwrap();
}

fn refusal(made: &Made) -> String {
    let Err(error) = Index::open(made.folder.path(), made.description.clone()) else { panic!("it opens") };
    error.to_string()
}

#[test]
fn most_of_the_nearest_are_found_with_the_scores_of_their_rows() {
    for dimensions in [7, 64, 100] {
        let made = with_graph(dimensions, 4000, 31);
        let index = made.open();
        let queries: Vec<_> =
            values(50 * dimensions, 32).chunks(dimensions).map(|one| query(one.to_vec(), 10)).collect();
        let mut right = 0;
        for (asked, hits) in queries.iter().zip(index.search(&queries)) {
            let (hits, nearest) = (hits.unwrap(), made.nearest(asked));
            assert_eq!(hits.len(), 10);
            assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
            right += hits.iter().filter(|hit| nearest.contains(&hit.row)).count();
            let all = Query { top: 4000, exact: true, ..asked.clone() };
            let exact = index.search(&[all]).remove(0).unwrap();
            assert!(hits.iter().all(|hit| exact.contains(hit)), "scores are those of an exact search");
        }
        assert!(right >= 480, "{right} of 500 with {dimensions} dimensions");
    }
}

#[test]
fn the_graph_is_what_is_asked_unless_all_rows_are_to_be_compared() {
    let made = with_graph(32, 2000, 33);
    // The first node's vector becomes its opposite: the signs are the high bits of f16.
    let mut graph = graph_of(&made);
    graph[8..8 + 2 * 32].iter_mut().skip(1).step_by(2).for_each(|byte| *byte ^= 0x80);
    replace(&made, &graph);
    let index = made.open();
    let asked: Vec<_> = made.vectors.chunks(32).map(|vector| query(vector.to_vec(), 1)).collect();
    let lost = |exact: bool| {
        let queries: Vec<_> = asked.iter().map(|asked| Query { exact, ..asked.clone() }).collect();
        let found = index.search(&queries).into_iter().map(Result::unwrap);
        found.enumerate().filter(|(row, hits)| rows_of(hits) != [*row as u32]).count()
    };
    assert_eq!(lost(true), 0);
    assert!(lost(false) >= 1, "a row that the graph does not lead to is not found");
}

#[test]
fn rows_that_meet_a_condition_are_found_however_few_they_are() {
    let made = with_graph(16, 900, 34);
    let index = made.open();
    for (codes, top) in [(vec![0], 300), (vec![1], 1000), (vec![0, 1], 600), (vec![9], 3), (vec![], 3)] {
        let conditions = vec![Condition { field: 0, codes }];
        let asked = Query { conditions, ..query(values(16, 35), top) };
        let hits = index.search(std::slice::from_ref(&asked)).remove(0).unwrap();
        assert_eq!(rows_of(&hits), made.nearest(&asked), "{:?}", asked.conditions);
    }
    let asked = Query { conditions: vec![Condition { field: 0, codes: vec![2] }], ..query(values(16, 36), 5) };
    for hit in index.search(&[asked]).remove(0).unwrap() {
        assert_eq!(hit.row % 3, 2);
    }
}

#[test]
fn one_thread_makes_the_same_file_of_the_same_rows() {
    let (one, other) = (make(24, values(700 * 24, 37)), make(24, values(700 * 24, 37)));
    build(&one, 1);
    build(&other, 1);
    assert_eq!(graph_of(&one), graph_of(&other));
    build(&other, 1);
    assert_eq!(graph_of(&one), graph_of(&other), "also where there was one");
}

#[test]
fn an_index_with_few_rows_or_none_is_searched_whole() {
    for rows in [0, 1, 2, 5] {
        let made = with_graph(8, rows, 38);
        let asked = query(values(8, 39), 3);
        let hits = made.open().search(std::slice::from_ref(&asked)).remove(0).unwrap();
        assert_eq!(rows_of(&hits), made.nearest(&asked), "{rows} rows");
    }
}

#[test]
fn equal_rows_are_found_as_many_as_are_wanted() {
    let mut made = make(16, values(16, 40).repeat(500));
    build(&made, 2);
    made.description.graph = true;
    let asked = query(values(16, 40), 20);
    assert_eq!(made.open().search(&[asked]).remove(0).unwrap().len(), 20);
}

#[test]
fn a_damaged_graph_is_refused_before_usearch_reads_it() {
    let mut made = with_graph(8, 60, 41);
    made.description.files = vec![digest(&made, GRAPH)];
    made.open();
    let whole = graph_of(&made);
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    for damaged in [&whole[..whole.len() - 1], &[&whole[..], b"x"].concat(), &[], &flipped] {
        replace(&made, damaged);
        let message = refusal(&made);
        assert!(message.contains("graph.usearch: its sha256 is"), "{message}");
    }
    fs::remove_file(made.folder.path().join(GRAPH)).unwrap();
    assert!(refusal(&made).contains("graph.usearch: No such file"));
}

#[test]
fn a_graph_of_other_rows_is_refused() {
    let made = with_graph(8, 60, 42);
    for (dimensions, rows) in [(8, 61), (8, 0), (16, 60), (16, 30)] {
        replace(&made, &graph_of(&with_graph(dimensions, rows, 42)));
        let message = refusal(&made);
        assert!(message.contains("graph.usearch: it is of"), "{message}");
    }
    for foreign in [&b"not a graph"[..], &[0; 4096], &[0xff; 4096]] {
        replace(&made, foreign);
        assert!(refusal(&made).contains("graph.usearch: "));
    }
}

#[test]
fn whatever_is_wrong_with_a_graph_is_refused_or_does_no_harm() {
    let made = with_graph(4, 40, 43);
    let whole = graph_of(&made);
    let mut opened = 0;
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            if layout::check(&damaged, 4, 40).is_err() {
                continue;
            }
            // A link to another node, or what nobody reads; usearch itself is tried with some.
            if at % 16 == usize::from(value % 16) {
                replace(&made, &damaged);
                let found = made.open().search(&[query(values(4, 44), 5)]).remove(0).unwrap();
                assert_eq!(found.len(), 5);
                opened += 1;
            }
        }
        let cut = layout::check(&whole[..at], 4, 40);
        assert!(cut.is_err(), "{at} bytes");
    }
    assert!(opened > 50, "{opened}");
}

#[test]
fn links_to_what_is_not_there_are_refused() {
    let made = with_graph(4, 40, 45);
    let whole = graph_of(&made);
    // Behind shape, vectors, both heads and layers: the first node's row, layer, and number of links.
    let node = 8 + 40 * 8 + 64 + 40 + 40 * 2;
    let changed = |at: usize, bytes: &[u8]| {
        let mut graph = whole.clone();
        graph[at..at + bytes.len()].copy_from_slice(bytes);
        layout::check(&graph, 4, 40).unwrap_err()
    };
    assert_eq!(changed(node, &40_u64.to_le_bytes()), "node 0 is of row 40, which is not there, or another node's");
    assert_eq!(changed(node + 8, &77_i16.to_le_bytes()), "node 0 is in another layer than it is said to be");
    assert_eq!(changed(node + 10, &33_u32.to_le_bytes()), "node 0 has 33 links, and room for 32");
    assert_eq!(changed(node + 14, &40_u32.to_le_bytes()), "node 0 leads to node 40, which is not there in layer 0");
}

#[test]
fn what_cannot_be_written_is_told_by_its_name() {
    let made = make(4, values(40, 46));
    fs::create_dir(made.folder.path().join(GRAPH)).unwrap();
    let error = write_graph(made.folder.path(), 4, 10, 1, &AtomicUsize::new(0)).unwrap_err();
    assert!(error.to_string().contains("graph.usearch: File exists"), "{error}");
}
