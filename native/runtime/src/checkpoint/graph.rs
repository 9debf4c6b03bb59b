//! What an ONNX file says of itself: where its numbers are, and what it computes with.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use prost::Message;

use super::{
    map,
    value_info::{STRING, ValueInfoProto, shown_all},
    within,
};
use crate::error::LoadError;

/// The input that has token ids, as exporters of transformers call it.
pub const IDS: &str = "input_ids";
/// `TensorProto.DataLocation`: in a file of their own.
const EXTERNAL: i32 = 1;
/// The key of a file's name in `TensorProto.external_data`.
const LOCATION: &str = "location";

/// An ONNX graph, as its file describes it; while that is not there, no more than where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    pub path: PathBuf,
    /// Files of its numbers, in its folder or below.
    pub data: Vec<PathBuf>,
    /// Types of its nodes.
    pub operators: BTreeSet<String>,
    /// Whether what it is given are texts, not token ids.
    pub reads_text: bool,
    /// Its inputs, for a person, where they are neither texts nor token ids.
    others: Option<String>,
}

impl Graph {
    /// Bytes of its files, as far as they are there.
    pub fn bytes(&self) -> usize {
        let files = [&self.path].into_iter().chain(&self.data);
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len() as usize).sum()
    }

    /// Reads the graph of `path`, and none of its numbers.
    ///
    /// # Errors
    /// For what is no graph, and names of files outside its folder.
    pub fn read(path: PathBuf) -> Result<Self, LoadError> {
        let unfit = |found: String| LoadError::invalid(&path, "an ONNX graph", found);
        if path.is_dir() {
            return Err(unfit("a folder".to_owned()));
        }
        if !path.is_file() {
            return Ok(Self { path, ..Self::default() });
        }
        let file = map(&path)?;
        if file.is_empty() {
            return Err(unfit("an empty file".to_owned()));
        }
        let model = ModelProto::decode(&*file).map_err(|error| unfit(error.to_string()))?;
        let Some(graph) = &model.graph else { return Err(unfit("none in it".to_owned())) };
        let mut found = Found::default();
        found.graph(graph);
        model.functions.iter().flat_map(|function| &function.nodes).for_each(|node| found.node(node));
        let data = found.locations.iter().map(|name| data_file(&path, name)).collect::<Result<_, _>>()?;
        let operators = found.operators.iter().map(ToString::to_string).collect();
        let inputs = graph.given();
        let reads_text = inputs.iter().any(|input| input.element() == Some(STRING));
        let others = !reads_text && inputs.iter().all(|input| input.name() != IDS);
        let others = others.then(|| shown_all(inputs));
        Ok(Self { path, data, operators, reads_text, others })
    }

    /// # Errors
    /// Where it is given something else than texts or tokens.
    pub fn require_inputs(&self) -> Result<(), LoadError> {
        match &self.others {
            Some(others) => Err(LoadError::invalid(
                &self.path,
                format!("an input of strings, or {IDS} and attention_mask"),
                others.as_str(),
            )),
            None => Ok(()),
        }
    }

    /// # Errors
    /// Where a file of numbers is not there.
    pub fn require_data(&self) -> Result<(), LoadError> {
        match self.data.iter().find(|file| !file.is_file()) {
            Some(absent) => Err(LoadError::invalid(
                &self.path,
                format!("{}, which has numbers of the graph", absent.display()),
                "no such file".to_owned(),
            )),
            None => Ok(()),
        }
    }
}

/// The file `name` of the folder of `graph`; as in ONNX Runtime, not one outside it.
fn data_file(graph: &Path, name: &str) -> Result<PathBuf, LoadError> {
    let folder = graph.parent().unwrap_or(Path::new(""));
    within(folder, name).filter(|file| file != folder).ok_or_else(|| {
        let expected = "numbers in files of the graph's folder (`location` of `external_data`)";
        LoadError::invalid(graph, expected, format!("{name:?}"))
    })
}

// What of onnx.proto leads to tensors; other fields are skipped without a copy.

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializers: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    inputs: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializers: Vec<SparseTensorProto>,
}

impl GraphProto {
    /// What whoever runs it gives. What has a value of its own in the file may be listed as an input, too.
    fn given(&self) -> Vec<&ValueInfoProto> {
        let has_value = |input: &&ValueInfoProto| self.initializers.iter().any(|tensor| tensor.name == input.name);
        self.inputs.iter().filter(|input| !has_value(input)).collect()
    }
}

#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(message, repeated, tag = "7")]
    nodes: Vec<NodeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, optional, tag = "4")]
    op_type: Option<String>,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(message, optional, tag = "5")]
    tensor: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphProto>,
    #[prost(message, optional, tag = "22")]
    sparse_tensor: Option<SparseTensorProto>,
    #[prost(message, repeated, tag = "23")]
    sparse_tensors: Vec<SparseTensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct SparseTensorProto {
    #[prost(message, optional, tag = "1")]
    values: Option<TensorProto>,
    #[prost(message, optional, tag = "2")]
    indices: Option<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(string, optional, tag = "8")]
    name: Option<String>,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringStringEntryProto>,
    #[prost(int32, optional, tag = "14")]
    data_location: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
struct StringStringEntryProto {
    #[prost(string, optional, tag = "1")]
    key: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// What a walk through a graph comes across.
#[derive(Default)]
struct Found<'a> {
    locations: BTreeSet<&'a str>,
    operators: BTreeSet<&'a str>,
}

impl<'a> Found<'a> {
    fn graph(&mut self, graph: &'a GraphProto) {
        graph.nodes.iter().for_each(|node| self.node(node));
        graph.initializers.iter().for_each(|tensor| self.tensor(tensor));
        graph.sparse_initializers.iter().for_each(|tensor| self.sparse(tensor));
    }

    fn node(&mut self, node: &'a NodeProto) {
        self.operators.extend(node.op_type.as_deref());
        for attribute in &node.attributes {
            attribute.graph.iter().chain(&attribute.graphs).for_each(|graph| self.graph(graph));
            attribute.tensor.iter().chain(&attribute.tensors).for_each(|tensor| self.tensor(tensor));
            attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors).for_each(|tensor| self.sparse(tensor));
        }
    }

    fn sparse(&mut self, tensor: &'a SparseTensorProto) {
        tensor.values.iter().chain(&tensor.indices).for_each(|tensor| self.tensor(tensor));
    }

    fn tensor(&mut self, tensor: &'a TensorProto) {
        if tensor.data_location == Some(EXTERNAL) {
            let location = tensor.external_data.iter().find(|entry| entry.key.as_deref() == Some(LOCATION));
            self.locations.insert(location.and_then(|entry| entry.value.as_deref()).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tensor(location: &str) -> TensorProto {
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        TensorProto {
            external_data: vec![entry("offset", "0"), entry(LOCATION, location)],
            data_location: Some(EXTERNAL),
            ..TensorProto::default()
        }
    }

    /// The files of numbers of `model`, by their names in its folder.
    fn data_of(model: &ModelProto) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.onnx");
        fs::write(&path, model.encode_to_vec()).expect("writable");
        let graph = Graph::read(path).map_err(|error| error.to_string())?;
        let name = |file: &PathBuf| file.strip_prefix(folder.path()).expect("below").to_string_lossy().into_owned();
        Ok(graph.data.iter().map(name).collect())
    }

    fn with_initializers(initializers: Vec<TensorProto>) -> ModelProto {
        ModelProto { graph: Some(GraphProto { initializers, ..GraphProto::default() }), functions: Vec::new() }
    }

    #[test]
    fn data_is_found_wherever_a_tensor_may_be_and_named_once() {
        let sparse = |location| SparseTensorProto { values: Some(tensor(location)), indices: Some(tensor("indices")) };
        let node = |attribute| NodeProto { op_type: None, attributes: vec![attribute] };
        let constant = |location| AttributeProto { tensor: Some(tensor(location)), ..AttributeProto::default() };
        let body = GraphProto { nodes: vec![node(constant("in a/body"))], ..GraphProto::default() };
        let branch = AttributeProto { graph: Some(body.clone()), graphs: vec![body], ..AttributeProto::default() };
        let graph = GraphProto {
            nodes: vec![
                node(branch),
                node(AttributeProto {
                    tensors: vec![tensor("one"), tensor("two")],
                    sparse_tensor: Some(sparse("three")),
                    sparse_tensors: vec![sparse("four")],
                    ..AttributeProto::default()
                }),
            ],
            initializers: vec![tensor("./weights.pb"), tensor("weights.pb"), TensorProto::default()],
            sparse_initializers: vec![sparse("five")],
            inputs: Vec::new(),
        };
        let functions = vec![FunctionProto { nodes: vec![node(constant("function"))] }];
        let found = data_of(&ModelProto { graph: Some(graph), functions }).expect("a graph");
        let expected =
            ["five", "four", "function", "in a/body", "indices", "one", "three", "two", "weights.pb"].map(String::from);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(expected));
    }

    #[test]
    fn operators_are_those_of_all_nodes() {
        let node = |name: &str, graphs| NodeProto {
            op_type: Some(name.to_owned()),
            attributes: vec![AttributeProto { graphs, ..AttributeProto::default() }],
        };
        let graph = |nodes| GraphProto { nodes, ..GraphProto::default() };
        let body = graph(vec![node("MatMul", Vec::new())]);
        let model = ModelProto {
            graph: Some(graph(vec![node("If", vec![body]), node("Add", Vec::new()), node("Add", Vec::new())])),
            functions: vec![FunctionProto { nodes: vec![node("Erf", Vec::new())] }],
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.onnx");
        fs::write(&path, model.encode_to_vec()).expect("writable");
        let operators = Graph::read(path).expect("a graph").operators;
        assert_eq!(operators, ["Add", "Erf", "If", "MatMul"].map(String::from).into());
    }

    #[test]
    fn data_outside_the_folder_is_refused() {
        for name in ["../weights.pb", "/etc/passwd", "a/../../b", "", "./."] {
            let message = data_of(&with_initializers(vec![tensor(name)])).expect_err(name);
            assert!(message.contains("a.onnx: expected numbers in files of the graph's folder"), "{message}");
            assert!(message.contains(&format!("found {name:?}")), "{message}");
        }
    }

    #[test]
    fn what_is_no_graph_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.onnx");
        let not_there = Graph::read(path.clone()).expect("it may come");
        assert_eq!(not_there, Graph { path: path.clone(), ..Graph::default() });
        fs::write(&path, "version https://git-lfs.github.com/spec/v1").expect("writable");
        let message = Graph::read(path).expect_err("no graph").to_string();
        assert!(message.contains("a.onnx: expected an ONNX graph, found"), "{message}");
    }
}
