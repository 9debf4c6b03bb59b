//! What an ONNX file says of itself: names of files never leave its folder, and what is changed in one that reads texts
//! is such a file still.
#![no_main]

use chorus_fuzz::Folder;
use chorus_runtime::checkpoint::{Given, Graph, TextGraph};
use libfuzzer_sys::fuzz_target;

const NAME: &str = "model.onnx";

fuzz_target!(init: chorus_fuzz::start(), |input: &[u8]| {
    let folder = Folder::of(&[(NAME, input)]);
    if let Ok(graph) = Graph::read(folder.path().join(NAME)) {
        for file in &graph.data {
            let within = file.strip_prefix(folder.path()).expect("a file of the folder");
            assert!(within.components().all(|part| part.as_os_str() != ".."), "{within:?}");
        }
    }
    if let Ok(text) = TextGraph::read(&folder.path().join(NAME)) {
        let changed = Folder::of(&[(NAME, &text.model)]);
        let graph = Graph::read(changed.path().join(NAME)).expect("a graph");
        assert_eq!(graph.reads_text, !matches!(text.given, Given::Counts(_)));
    }
});
