//! An ONNX graph that reads texts itself and classifies them, as converters of scikit-learn pipelines write it.
//!
//! Three things are done outside of the graph, which is changed accordingly before it is run:
//!
//! - **Texts are made lower case** as Python does it, by Unicode's full mappings. The graph's own step for that
//!   (`StringNormalizer`) goes character by character in a locale that slim images and most servers lack, and ONNX
//!   Runtime refuses the graph there. Where both work they differ in `İ` and in `Σ` at a word's end, for which
//!   the vocabulary, made by Python, has Python's form.
//! - **Maps of labels to scores** (`ZipMap`) are left out: what they are made of is an array already.
//! - **Names of classes** are looked up where the graph has them.
//!
//! - `nodes`: what is found in the graph; `proto`: what of onnx.proto leads there

mod nodes;
mod proto;
#[cfg(test)]
mod tests;

use std::path::Path;

use prost::{DecodeError, Message};

use self::{
    nodes::{Nodes, Scores},
    proto::GraphProto,
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
const OUTPUT: u32 = 12;

/// A graph of texts, ready to be run.
#[derive(Clone, Debug, PartialEq)]
pub struct TextGraph {
    /// The file, changed as it is to be run.
    pub model: Vec<u8>,
    pub input: String,
    /// Whether it takes texts as a column `[texts, 1]`; else as a list.
    pub is_column: bool,
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
        let classes = nodes.classes(&label, &scores, |name| initializer(&file, name)).map_err(broken)?;
        let classes = classes.ok_or_else(|| {
            let expected = format!("a classifier whose classes are behind the output {label}");
            LoadError::invalid(path, expected, nodes.way_to(&label).join(" after "))
        })?;
        let lower_case = nodes.can_be_given_lower_case(&input);
        Ok(Self {
            model: changed(&file, &scores, lower_case).map_err(broken)?,
            runs_alone: nodes.fills_with_words(),
            scores: scores.array,
            input,
            is_column,
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

/// The file as it is to be run; see the module's documentation.
fn changed(file: &[u8], scores: &Scores, lower_case: bool) -> Result<Vec<u8>, DecodeError> {
    wire::edited(file, GRAPH, |graph| {
        let mut graph = wire::edited(graph, NODE, |node| nodes::edit(node, scores.zipped.as_deref(), lower_case))?;
        if let Some(zipped) = &scores.zipped {
            graph = wire::edited(&graph, OUTPUT, |output| {
                let is_it = ValueInfoProto::decode(output)?.name.as_ref() == Some(zipped);
                Ok(if is_it { Edit::Remove } else { Edit::Keep })
            })?;
            wire::append(&mut graph, OUTPUT, &ValueInfoProto::floats(&scores.array).encode_to_vec());
        }
        Ok(Edit::Replace(graph))
    })
}
