//! What there is to be found in a graph of texts.

use std::collections::{HashMap, HashSet};

use prost::{DecodeError, Message};

use super::{
    Unfit,
    proto::{AttributeProto, GraphProto, NodeProto, TensorProto},
};
use crate::checkpoint::{
    value_info::{FLOAT, INT64, STRING, ValueInfoProto, shown_all},
    wire::{self, Edit},
};

pub const NORMALIZER: &str = "StringNormalizer";
pub const TOKENIZER: &str = "Tokenizer";
pub const VECTORIZER: &str = "TfIdfVectorizer";
const ZIP_MAP: &str = "ZipMap";
/// Operators whose output is what they are given, in another shape or type.
pub const PASSING: [&str; 6] = ["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"];
/// Operators that give some of what they are given first.
const CHOOSING: [&str; 2] = ["ArrayFeatureExtractor", "Gather"];
/// Where classifiers and maps have the names of classes; <https://onnx.ai/onnx/operators/index.html> (ai.onnx.ml).
const CLASSES: [&str; 3] = ["classlabels_strings", "classlabels_int64s", "classlabels_ints"];
/// The field of a node's attributes.
const ATTRIBUTE: u32 = 5;
/// Attributes of a [`NORMALIZER`], and a locale that is everywhere.
const LOCALE: &str = "locale";
const CASE: &str = "case_change_action";
const PLAIN_LOCALE: &[u8] = b"C";

pub struct Nodes {
    graph: GraphProto,
    /// The index of the node that gives a value, by the value's name.
    makers: HashMap<String, usize>,
}

/// The numbers of a text.
pub struct Scores {
    /// The value that is an array of them.
    pub array: String,
    /// The output that is a list of maps, where there is no array among the outputs.
    pub zipped: Option<String>,
}

impl Nodes {
    pub fn new(graph: GraphProto) -> Self {
        let makers = graph.nodes.iter().enumerate();
        let makers = makers.flat_map(|(index, node)| node.outputs.iter().map(move |output| (output.clone(), index)));
        Self { makers: makers.collect(), graph }
    }

    /// The one input, which has texts, and whether that is as a column.
    pub fn input(&self) -> Result<(String, bool), Unfit> {
        let GraphProto { inputs, initializers, .. } = &self.graph;
        let has_value = |input: &&ValueInfoProto| initializers.iter().any(|tensor| tensor.name == input.name);
        let inputs: Vec<_> = inputs.iter().filter(|input| !has_value(input)).collect();
        let shape = |input: &ValueInfoProto| input.shape().unwrap_or_else(|| vec![None]);
        match &inputs[..] {
            [input] if input.element() == Some(STRING) => match shape(input)[..] {
                [None] => return Ok((input.name().to_owned(), false)),
                [None, None | Some(1)] => return Ok((input.name().to_owned(), true)),
                _ => {}
            },
            _ => {}
        }
        Err(Unfit { expected: "one input of strings, [texts] or [texts, 1]".to_owned(), found: shown_all(inputs) })
    }

    /// The output with classes.
    pub fn label(&self) -> Result<String, Unfit> {
        let is_label = |output: &&ValueInfoProto| matches!(output.element(), Some(STRING | INT64));
        let output = self.graph.outputs.iter().find(is_label);
        let output = output.ok_or_else(|| self.without("an output of classes, strings or int64"))?;
        Ok(output.name().to_owned())
    }

    /// The output with numbers.
    ///
    /// Where there are several, it is the one that has those of all classes: `zipmap: "columns"` of skl2onnx makes an
    /// output for each class, and one of two alone would be taken for a distance to the boundary between them.
    pub fn scores(&self) -> Result<Scores, Unfit> {
        let arrays: Vec<_> = self.graph.outputs.iter().filter(|output| output.element() == Some(FLOAT)).collect();
        let is_wide =
            |array: &ValueInfoProto| matches!(array.shape().as_deref(), Some([_, width]) if *width != Some(1));
        let wide = arrays.iter().find(|array| is_wide(array));
        if let Some(array) = wide.or(arrays.first().filter(|_| arrays.len() == 1)) {
            return Ok(Scores { array: array.name().to_owned(), zipped: None });
        }
        if !arrays.is_empty() {
            return Err(Unfit {
                expected: "one output of numbers, [texts, classes], as skl2onnx writes it by its option zipmap False"
                    .to_owned(),
                found: format!("an output for each class: {}", shown_all(arrays)),
            });
        }
        let zipped = self.graph.outputs.iter().find_map(|output| {
            let map = self.maker(output.name()).filter(|node| node.op_type == ZIP_MAP)?;
            Some(Scores { array: map.inputs.first()?.clone(), zipped: Some(output.name().to_owned()) })
        });
        zipped.ok_or_else(|| self.without("an output of numbers, float, or of maps to them"))
    }

    fn without(&self, expected: &str) -> Unfit {
        Unfit { expected: expected.to_owned(), found: shown_all(&self.graph.outputs) }
    }

    /// The names of classes in the order of their numbers; none where they are not found. `initializer` gives the value
    /// of a name that the file has.
    pub fn classes(
        &self,
        label: &str,
        scores: &Scores,
        initializer: impl Fn(&str) -> Result<Option<TensorProto>, DecodeError>,
    ) -> Result<Option<Vec<String>>, DecodeError> {
        let stated = |node: &NodeProto| {
            let mut names = CLASSES.iter().filter_map(|name| node.attribute(name)).map(AttributeProto::names);
            names.find(|names| !names.is_empty())
        };
        if let Some(map) = scores.zipped.as_deref().and_then(|zipped| self.maker(zipped)) {
            return Ok(stated(map));
        }
        let way = self.way(label);
        match way.last() {
            None => Ok(None),
            Some(last) if CHOOSING.contains(&last.op_type.as_str()) || PASSING.contains(&last.op_type.as_str()) => {
                let value = last.inputs.first().map(|name| initializer(name)).transpose()?.flatten();
                Ok(value.map(|value| value.names()).filter(|names| !names.is_empty()))
            }
            Some(last) => Ok(stated(last)),
        }
    }

    /// The operators that lead to `value`, the last one first.
    pub fn way_to(&self, value: &str) -> Vec<&str> {
        self.way(value).iter().map(|node| node.op_type.as_str()).collect()
    }

    /// The nodes that `value` comes through from where it is made or chosen, that node last.
    fn way(&self, value: &str) -> Vec<&NodeProto> {
        let mut way: Vec<&NodeProto> = Vec::new();
        let mut next = self.maker(value);
        // No longer than the graph, should a file have a circle.
        while let Some(node) = next.filter(|_| way.len() < self.graph.nodes.len()) {
            way.push(node);
            let goes_on = [&PASSING[..], &CHOOSING].concat().contains(&node.op_type.as_str());
            next = node.inputs.first().filter(|_| goes_on).and_then(|input| self.maker(input));
        }
        way
    }

    /// What reads `value`, if that is one node and nothing else.
    pub fn only_reader(&self, value: &str) -> Option<&NodeProto> {
        match self.readers(value)[..] {
            [reader] => Some(reader),
            _ => None,
        }
    }

    /// The nodes that read `value`; none where whoever runs the graph reads it, too.
    pub fn readers(&self, value: &str) -> Vec<&NodeProto> {
        if self.graph.outputs.iter().any(|output| output.name() == value) {
            return Vec::new();
        }
        self.graph.nodes.iter().filter(|node| node.inputs.iter().any(|input| input == value)).collect()
    }

    /// Whether a node that gives none of `values` reads `value`.
    pub fn is_read_beside(&self, value: &str, values: &HashSet<String>) -> bool {
        let mut beside =
            self.graph.nodes.iter().filter(|node| !node.outputs.iter().any(|output| values.contains(output)));
        beside.any(|node| node.inputs.iter().any(|input| input == value))
    }

    fn maker(&self, value: &str) -> Option<&NodeProto> {
        self.makers.get(value).map(|&index| &self.graph.nodes[index])
    }

    /// Whether all that reads the texts of `input` makes them lower case first.
    pub fn can_be_given_lower_case(&self, input: &str) -> bool {
        let mut texts = HashSet::from([input]);
        let mut readers = Vec::new();
        // A graph's nodes are in the order in which they can be run.
        for node in &self.graph.nodes {
            let is_reader = node.inputs.iter().any(|name| texts.contains(name.as_str()));
            match PASSING.contains(&node.op_type.as_str()) {
                _ if !is_reader => {}
                true => texts.extend(node.outputs.iter().map(String::as_str)),
                false => readers.push(node),
            }
        }
        !readers.is_empty() && readers.into_iter().all(lowers)
    }

    /// Whether shorter texts of a batch are filled up with what the graph counts as a word.
    pub fn fills_with_words(&self) -> bool {
        let of = |operator: &'static str| self.graph.nodes.iter().filter(move |node| node.op_type == operator);
        let fillings: Vec<&[u8]> = of(TOKENIZER).map(|node| node.bytes("pad_value")).collect();
        let words = of(VECTORIZER).filter_map(|node| node.attribute("pool_strings"));
        words.flat_map(|words| &words.strings).any(|word| fillings.contains(&&word[..]))
    }
}

/// What becomes of a node; `zipped`: the output that is not wanted, `lower_case`: the texts that it is given are.
pub fn edit(node: &[u8], zipped: Option<&str>, lower_case: bool) -> Result<Edit, DecodeError> {
    let known = NodeProto::decode(node)?;
    match known.op_type.as_str() {
        ZIP_MAP if known.outputs.first().map(String::as_str) == zipped => Ok(Edit::Remove),
        NORMALIZER if !needs_locale(&known) || (lower_case && lowers(&known)) => {
            let mut copy = wire::edited(node, ATTRIBUTE, |attribute| {
                let name = AttributeProto::decode(attribute)?.name;
                Ok(if [LOCALE, CASE].contains(&name.as_str()) { Edit::Remove } else { Edit::Keep })
            })?;
            for (name, bytes) in [(LOCALE, PLAIN_LOCALE), (CASE, b"NONE")] {
                wire::append(&mut copy, ATTRIBUTE, &AttributeProto::of_bytes(name, bytes).encode_to_vec());
            }
            Ok(Edit::Replace(copy))
        }
        _ => Ok(Edit::Keep),
    }
}

/// Whether `node` makes texts lower case and nothing else.
pub fn lowers(node: &NodeProto) -> bool {
    node.op_type == NORMALIZER && node.bytes(CASE) == b"LOWER" && node.attribute("stopwords").is_none()
}

/// Whether what a [`NORMALIZER`] does depends on its locale.
pub fn needs_locale(node: &NodeProto) -> bool {
    let changes = !matches!(node.bytes(CASE), b"" | b"NONE");
    let compares = node.attribute("stopwords").is_some();
    let ignores_case = node.attribute("is_case_sensitive").is_some_and(|attribute| attribute.int == 0);
    changes || (compares && ignores_case)
}
