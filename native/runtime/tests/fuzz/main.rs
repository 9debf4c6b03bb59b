//! Folders with the settings that the hub's have, in random combinations, and the recipes of faults that were found
//! (native/fixtures/fuzz, written by bench/parity/fuzz-fixtures.mjs): each is answered as transformers does, or refused.

#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod alone;
#[path = "../common/mod.rs"]
mod common;

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    alone::{Alone, Answer},
    common::{copy_folder, project},
};

/// Fewer would mean that some got lost.
const LEAST_FOLDERS: usize = 55;
const LEAST_SERVED: usize = 30;

#[test]
fn every_folder_is_answered_as_transformers_does_or_refused_by_name() {
    let mut folders: Vec<_> = fs::read_dir(project().join("native/fixtures/fuzz")).unwrap().collect();
    folders.sort_by_key(|folder| folder.as_ref().unwrap().path());
    let mut served = 0;
    let mut problems = Vec::new();
    for folder in &folders {
        let folder = folder.as_ref().unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let expected: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
        served += usize::from(expected.get("cases").is_some());
        problems.extend(check(&folder, &expected).into_iter().map(|problem| format!("{name}: {problem}")));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(folders.len() >= LEAST_FOLDERS && served >= LEAST_SERVED, "{served} of {} folders", folders.len());
}

/// What is not as expected.
fn check(folder: &Path, expected: &Value) -> Vec<String> {
    // Pickled weights are stored a second time, beside the first.
    let copy = tempfile::tempdir().unwrap();
    copy_folder(folder, copy.path());
    let text = |name: &str| expected[name].as_str().unwrap();
    match (Alone::load(copy.path(), text("graph"), text("pooling")), expected.get("refused")) {
        (Ok(_), Some(refused)) => vec![format!("served, expected {refused}")],
        (Err(error), None) => vec![format!("refused: {error}")],
        (Err(error), Some(refused)) => {
            let names = refused["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            let message = error.to_string();
            let missing: Vec<&str> = names.filter(|name| !message.contains(name)).collect();
            let is_expected = missing.is_empty() && error.code() == refused["code"];
            if is_expected { vec![] } else { vec![format!("{}: {message}, expected {refused}", error.code())] }
        }
        (Ok(model), None) => {
            let tolerance = expected["tolerance"].as_f64().unwrap();
            let cases = expected["cases"].as_array().unwrap();
            cases.iter().filter_map(|case| check_case(&model, case, tolerance)).collect()
        }
    }
}

fn check_case(model: &Alone, case: &Value, tolerance: f64) -> Option<String> {
    let text = case["text"].as_str().unwrap();
    let (found, expected) = match model.answer(text) {
        Answer::Refused(problem) => {
            let is_expected = case.get("refused").is_some_and(|code| problem.starts_with(code.as_str().unwrap()));
            return (!is_expected).then(|| format!("{text:?}: refused: {problem}"));
        }
        Answer::Scores(scores) => {
            let mut scores: Vec<_> = scores.into_iter().map(|(label, score)| (label, f64::from(score))).collect();
            scores.sort_by(|a, b| a.partial_cmp(b).unwrap());
            (scores, scores_of(&case["scores"]))
        }
        Answer::Vector(vector) => {
            let found = vector.iter().enumerate().map(|(index, &number)| (index.to_string(), f64::from(number)));
            let expected = case["vector"].as_array().into_iter().flatten().enumerate();
            let expected = expected.map(|(index, number)| (index.to_string(), number.as_f64().unwrap()));
            (found.collect(), expected.collect())
        }
    };
    (!are_close(&found, &expected, tolerance)).then(|| format!("{text:?}: {found:?}, expected {case}"))
}

/// Pairs of label and score, sorted as the fixtures are: two labels may have the same name.
fn scores_of(scores: &Value) -> Vec<(String, f64)> {
    let pairs = scores.as_array().into_iter().flatten();
    pairs.map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].as_f64().unwrap())).collect()
}

/// By the difference over the largest number, where that exceeds 1; a number below 0 is no score yet, and a sigmoid
/// would shrink the differences of such to a quarter at least.
fn are_close(found: &[(String, f64)], expected: &[(String, f64)], tolerance: f64) -> bool {
    let least = if expected.iter().any(|&(_, number)| !(0.0..=1.0).contains(&number)) { 4.0 } else { 1.0 };
    let scale = expected.iter().map(|(_, number)| number.abs()).fold(least, f64::max);
    found.len() == expected.len()
        && found.iter().zip(expected).all(|((label, found), (expected_label, expected))| {
            label == expected_label && (found - expected).abs() / scale <= tolerance
        })
}
