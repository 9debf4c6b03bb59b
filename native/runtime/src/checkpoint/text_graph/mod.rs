//! An ONNX graph that reads texts itself and classifies them, as converters of scikit-learn pipelines write it.
//!
//! Four things are done outside of the graph, which is changed accordingly before it is run:
//!
//! - **Words are counted**, where the graph begins with that (`front`).
//! - **Texts are made lower case** as Python does it, by Unicode's full mappings. The graph's own step for that
//!   (`StringNormalizer`) goes character by character in a locale that slim images and most servers lack, and ONNX
//!   Runtime refuses the graph there. Where both work they differ in `İ` and in `Σ` at a word's end, for which
//!   the vocabulary, made by Python, has Python's form.
//! - **Maps of labels to scores** (`ZipMap`) are left out: what they are made of is an array already.
//! - **Names of classes** are looked up where the graph has them.
//!
//! - `nodes`: what is found in the graph; `front`: what of it is done before; `proto`: what of onnx.proto leads there

mod front;
mod nodes;
mod proto;
#[cfg(test)]
mod tests;

use std::path::Path;

use chorus_core::vectorizer::Vectorizer;
use prost::{DecodeError, Message};

use self::{
    front::Front,
    nodes::{Nodes, Scores},
    proto::{GraphProto, NodeProto, TensorProto},
};
use super::{
    map,
    value_info::ValueInfoProto,
    wire::{self, Edit},
};
use crate::error::LoadError;

/// Fields of `ModelProto` and of `GraphProto`.
const GRAPH: u32 = 7;
const NODE: u32 = 1;
const INITIALIZER: u32 = 5;
const INPUT: u32 = 11;
const OUTPUT: u32 = 12;

/// A graph of texts, ready to be run.
#[derive(Debug)]
pub struct TextGraph {
    /// The file, changed as it is to be run.
    pub model: Vec<u8>,
    pub input: String,
    pub given: Given,
    /// The output with the class of each text: its name, or its number.
    pub label: String,
    /// The output with the numbers of each text: one for each class, or one in all where there are two.
    pub scores: String,
    /// The names of classes, or their numbers in decimal digits, in the order of the scores.
    pub classes: Vec<String>,
    /// Whether texts are to be made lower case first.
    pub lower_case: bool,
    /// Whether a text must be run by itself: what it is filled up with beside longer ones is a word that the graph knows.
    pub runs_alone: bool,
}

/// What the input is given.
#[derive(Debug)]
pub enum Given {
    /// Texts `[texts, 1]`.
    Column,
    /// Texts `[texts]`.
    List,
    /// Numbers `[texts, width]`.
    Counts(Box<Vectorizer>),
}

/// What a graph does not have, and what it has instead.
struct Unfit {
    expected: String,
    found: String,
}

impl TextGraph {
    /// Reads the graph of `path`.
    ///
    /// # Errors
    /// For what is no classifier of texts, or has its classes where they are not looked for.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let file = map(path)?;
        let broken = |error: DecodeError| LoadError::invalid(path, "an ONNX graph", error.to_string());
        let unfit = |Unfit { expected, found }| LoadError::invalid(path, expected, found);
        let graph = wire::find(&file, GRAPH, |graph| GraphProto::decode(graph).map(Some)).map_err(broken)?;
        let nodes = Nodes::new(graph.unwrap_or_default());
        let (input, is_column) = nodes.input().map_err(unfit)?;
        let label = nodes.label().map_err(unfit)?;
        let scores = nodes.scores().map_err(unfit)?;
        let constants = |name: &str| initializer::<TensorProto>(&file, name);
        let classes = nodes.classes(&label, &scores, constants).map_err(broken)?;
        let classes = classes.ok_or_else(|| {
            let expected = format!("a classifier whose classes are behind the output {label}");
            let way = nodes.way_to(&label);
            LoadError::invalid(
                path,
                expected,
                if way.is_empty() { "no operator".to_owned() } else { way.join(" after ") },
            )
        })?;
        let lower_case = nodes.can_be_given_lower_case(&input);
        let front = Front::of(&nodes, &input, lower_case, &constants).map_err(broken)?;
        let mut model = without_maps(&file, &scores, lower_case).map_err(broken)?;
        if let Some(front) = &front {
            model = without_front(&model, front).map_err(broken)?;
        }
        let (input, given) = match front {
            Some(front) => (front.output, Given::Counts(Box::new(front.vectorizer))),
            None => (input, if is_column { Given::Column } else { Given::List }),
        };
        Ok(Self {
            model,
            runs_alone: nodes.fills_with_words() && !matches!(given, Given::Counts(_)),
            scores: scores.array,
            input,
            given,
            label,
            classes,
            lower_case,
        })
    }
}

/// The value that `file` has for `name`.
fn initializer<T: Message + Default>(file: &[u8], name: &str) -> Result<Option<T>, DecodeError> {
    let wanted = |tensor: &[u8]| {
        let is_it = proto::Named::decode(tensor)?.name.as_deref() == Some(name);
        is_it.then(|| T::decode(tensor)).transpose()
    };
    wire::find(file, GRAPH, |graph| wire::find(graph, INITIALIZER, wanted))
}

/// The file without the maps that are not wanted, and without a step that needs a locale.
fn without_maps(file: &[u8], scores: &Scores, lower_case: bool) -> Result<Vec<u8>, DecodeError> {
    wire::edited(file, GRAPH, |graph| {
        let mut graph = wire::edited(graph, NODE, |node| nodes::edit(node, scores.zipped.as_deref(), lower_case))?;
        if let Some(zipped) = &scores.zipped {
            graph = wire::edited(&graph, OUTPUT, |output| {
                let name = ValueInfoProto::decode(output)?.name;
                Ok(remove_if(name.as_ref() == Some(zipped)))
            })?;
            wire::append(&mut graph, OUTPUT, &ValueInfoProto::floats(&scores.array).encode_to_vec());
        }
        Ok(Edit::Replace(graph))
    })
}

/// The file without what `front` does, whose numbers it takes instead of texts.
fn without_front(file: &[u8], front: &Front) -> Result<Vec<u8>, DecodeError> {
    wire::edited(file, GRAPH, |graph| {
        let graph = wire::edited(graph, NODE, |node| {
            let outputs = NodeProto::decode(node)?.outputs;
            Ok(remove_if(outputs.iter().any(|output| front.values.contains(output))))
        })?;
        let graph = wire::edited(&graph, INITIALIZER, |tensor| {
            let name = proto::Named::decode(tensor)?.name;
            Ok(remove_if(name.is_some_and(|name| front.constants.contains(&name))))
        })?;
        let mut graph = wire::edited(&graph, INPUT, |input| {
            let name = ValueInfoProto::decode(input)?.name;
            Ok(remove_if(name.as_ref() == Some(&front.input)))
        })?;
        wire::append(&mut graph, INPUT, &ValueInfoProto::floats(&front.output).encode_to_vec());
        Ok(Edit::Replace(graph))
    })
}

fn remove_if(is_it: bool) -> Edit {
    if is_it { Edit::Remove } else { Edit::Keep }
}
