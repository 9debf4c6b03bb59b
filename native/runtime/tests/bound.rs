//! Bound sessions and the graphs that only CUDA runs, as far as a machine without a GPU can tell.

#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod common;

use std::path::Path;

use chorus_engine::{
    graph::{self, Element, Flavour, Layout},
    onnx::{
        builder::{Dim, OnnxBuilder, int},
        proto::DataType,
    },
    spec::{ModelSpec, Pooling},
};
use chorus_runtime::{
    checkpoint::{WeightFiles, read_json},
    onnxruntime::{BoundInput, BoundOptions, BoundSession, Library, Numbers, Provider},
};

use crate::common::{ort_library, project};

fn library() -> Library {
    Library::load(&ort_library(), 1).unwrap()
}

/// `output = f32(a) + b`, both `[rows, columns]`.
fn sum_graph() -> Vec<u8> {
    let mut onnx = OnnxBuilder::new("sum");
    let dims = [Dim::Named("R"), Dim::Named("C")];
    let a = onnx.input("a", DataType::Int32, &dims);
    let b = onnx.input("b", DataType::Float, &dims);
    let a = onnx.node("Cast", "a/f32", &[&a], vec![int("to", DataType::Float as i64)]);
    let sum = onnx.node("Add", "sum", &[&a, &b], vec![]);
    onnx.output("output", &sum, DataType::Float, &dims);
    onnx.finish()
}

fn session(captures: bool) -> BoundSession {
    let options = BoundOptions { provider: Provider::Cpu, captures, directory: Path::new(".") };
    BoundSession::new(library(), &sum_graph(), &options).unwrap()
}

fn sum(session: &mut BoundSession, shape: [usize; 2], a: &[i32], b: &[f32]) -> Result<Vec<f32>, String> {
    let inputs = [
        BoundInput { name: "a", shape: shape.to_vec(), numbers: Numbers::I32(a) },
        BoundInput { name: "b", shape: shape.to_vec(), numbers: Numbers::F32(b) },
    ];
    session.run(&inputs, shape).map_err(|error| error.to_string())
}

#[test]
fn every_run_reads_its_own_inputs_with_kept_tensors_and_without() {
    for captures in [false, true] {
        let mut session = session(captures);
        assert_eq!(sum(&mut session, [1, 2], &[1, 2], &[0.5, 0.25]).unwrap(), [1.5, 2.25]);
        assert_eq!(sum(&mut session, [2, 1], &[3, 4], &[0.5, 0.25]).unwrap(), [3.5, 4.25]);
        assert_eq!(sum(&mut session, [1, 2], &[5, 6], &[0.5, 0.75]).unwrap(), [5.5, 6.75]);
        assert_eq!(sum(&mut session, [3, 1], &[1, 1, 1], &[1.0, 2.0, 3.0]).unwrap(), [2.0, 3.0, 4.0]);
        assert_eq!(session.captured(), if captures { 3 } else { 0 }, "one per size");
    }
}

#[test]
fn sizes_beyond_the_most_graphs_run_without_one() {
    let mut session = session(true);
    for columns in 1..100 {
        let (a, b) = (vec![1; columns], vec![0.5; columns]);
        assert_eq!(sum(&mut session, [1, columns], &a, &b).unwrap(), vec![1.5; columns]);
    }
    assert_eq!(session.captured(), 64);
}

#[test]
fn numbers_that_do_not_fit_their_shape_are_an_error() {
    for captures in [false, true] {
        let message = sum(&mut session(captures), [1, 2], &[1, 2, 3], &[0.5, 0.5]).unwrap_err();
        assert!(message.contains("3 numbers for a tensor of 2"), "{message}");
    }
}

/// ONNX Runtime resolves a graph (operators, attributes, types, shapes, initializers) before it looks for
/// kernels, and a CPU has none for the attention. That ONNX Runtime gets as far as missing it says that it
/// understands the graph.
#[test]
fn onnx_runtime_resolves_the_graphs_for_cuda_and_misses_the_kernel_of_their_attention() {
    for name in ["bert", "bert-mean", "distilbert", "roberta", "xlm-roberta"] {
        let directory = project().join("bench/parity/fixtures").join(name);
        let pooling = (name == "bert-mean").then_some(Pooling::Mean);
        let spec = ModelSpec::from_config(&read_json(&directory.join("config.json")).unwrap(), pooling).unwrap();
        let weights = WeightFiles::open(&directory).unwrap();
        for element in [Element::F16, Element::F32] {
            let flavour = Flavour { element, layout: Layout::Offsets };
            let graph = graph::build(&spec, &weights.index, flavour).unwrap();
            let options = BoundOptions { provider: Provider::Cpu, captures: false, directory: &directory };
            let error = BoundSession::new(library(), &graph.model, &options).err().expect("a CPU has no such kernel");
            let message = error.to_string();
            let missing = ["Failed to find kernel for com.microsoft.", "Could not find an implementation for "]
                .map(|problem| format!("{problem}PackedMultiHeadAttention(1)"));
            assert!(missing.iter().any(|start| message.starts_with(start)), "{name} in {element:?}: {message}");
        }
    }
}
