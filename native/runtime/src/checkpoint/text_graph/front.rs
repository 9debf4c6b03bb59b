//! Words and their counts at the beginning of a graph, as [`Vectorizer`] computes them.
//!
//! A graph computes each step for all numbers of its vocabulary, of which a text has a hundredth. What is not exactly
//! one of these steps ends the way, and the graph does the rest: it does all of it where words are not counted first.

use std::collections::HashSet;

use chorus_core::vectorizer::{Norm, Step, Vectorizer, WordPattern};
use prost::DecodeError;

use super::{
    nodes::{NORMALIZER, Nodes, PASSING, TOKENIZER, VECTORIZER, lowers, needs_locale},
    proto::{NodeProto, TensorProto},
};

/// What is done outside of the graph.
#[derive(Debug)]
pub struct Front {
    pub vectorizer: Vectorizer,
    /// The graph's input of texts, and the value that it is given instead.
    pub input: String,
    pub output: String,
    /// All values that it makes, that one included.
    pub values: HashSet<String>,
    /// Values of the file that only it reads.
    pub constants: HashSet<String>,
}

/// The value of a name that the file has.
pub type Constants<'a> = &'a dyn Fn(&str) -> Result<Option<TensorProto>, DecodeError>;

impl Front {
    /// What of the graph behind `input` can be done outside of it; `lower_case`: texts are given so.
    pub fn of(nodes: &Nodes, input: &str, lower_case: bool, constants: Constants) -> Result<Option<Self>, DecodeError> {
        let mut way = Way { nodes, end: input, seen: vec![] };
        let Some(pattern) = way.words(lower_case) else { return Ok(None) };
        let Some(counting) = way.next_if(|node| node.op_type == VECTORIZER) else { return Ok(None) };
        let Some(counts) = Counts::of(counting) else { return Ok(None) };
        let steps = way.steps(counts.width, constants)?;
        let output = way.end.to_owned();
        let values: HashSet<String> = way.seen.iter().flat_map(|node| node.outputs.clone()).collect();
        let read = way.seen.iter().flat_map(|node| node.inputs.clone());
        let constants = read.filter(|name| !values.contains(name) && name != input);
        let constants = constants.filter(|name| !nodes.is_read_beside(name, &values)).collect();
        Ok(Some(Self {
            vectorizer: counts.vectorizer(pattern, steps),
            input: input.to_owned(),
            output,
            values,
            constants,
        }))
    }
}

/// The nodes after each other of which each is all that reads the one before.
struct Way<'a> {
    nodes: &'a Nodes,
    /// The value that it has come to.
    end: &'a str,
    seen: Vec<&'a NodeProto>,
}

impl<'a> Way<'a> {
    fn next_if(&mut self, is_wanted: impl Fn(&NodeProto) -> bool) -> Option<&'a NodeProto> {
        let node = self.nodes.only_reader(self.end).filter(|node| is_wanted(node))?;
        // What is read is its first input; others are constants.
        let (first, output) = (node.inputs.first()?, node.outputs.first()?);
        (first == self.end).then_some(())?;
        self.end = output;
        self.seen.push(node);
        Some(node)
    }

    /// How texts are taken apart; none where that is not by words.
    fn words(&mut self, lower_case: bool) -> Option<WordPattern> {
        let changes_nothing = |node: &NodeProto| match node.op_type.as_str() {
            NORMALIZER if lowers(node) => lower_case,
            NORMALIZER => !needs_locale(node) && node.attribute("stopwords").is_none(),
            other => PASSING.contains(&other),
        };
        while self.next_if(changes_nothing).is_some() {}
        let tokenizer = self.next_if(|node| node.op_type == TOKENIZER)?;
        let is_plain = tokenizer.int("mark", 0) == 0 && tokenizer.attribute("separators").is_none();
        let expression = str::from_utf8(tokenizer.bytes("tokenexp")).ok()?;
        let least = usize::try_from(tokenizer.int("mincharnum", 1)).ok()?;
        while self.next_if(|node| PASSING.contains(&node.op_type.as_str())).is_some() {}
        WordPattern::read(expression, least).filter(|_| is_plain)
    }

    /// What is done with the counts, `width` of them.
    fn steps(&mut self, width: usize, constants: Constants) -> Result<Vec<Step>, DecodeError> {
        let constant = |node: &NodeProto| -> Result<Vec<f32>, DecodeError> {
            let tensor = node.inputs.get(1).map(|name| constants(name)).transpose()?.flatten();
            let numbers = tensor.map(|tensor| tensor.numbers()).unwrap_or_default();
            Ok(if [1, width].contains(&numbers.len()) { numbers } else { Vec::new() })
        };
        let is_ones = |node: &NodeProto| {
            let numbers = constant(node)?;
            Ok(!numbers.is_empty() && numbers.iter().all(|number| number.to_bits() == 1_f32.to_bits()))
        };
        let mut steps = Vec::new();
        loop {
            steps.extend(self.logarithm(is_ones)?);
            let Some(node) = self.next_if(|node| ["Mul", "Normalizer"].contains(&node.op_type.as_str())) else {
                return Ok(steps);
            };
            let norm = match node.bytes("norm") {
                b"L1" => Some(Step::Normalized(Norm::L1)),
                b"L2" => Some(Step::Normalized(Norm::L2)),
                _ => None,
            };
            let factors = constant(node)?;
            match (norm, factors.is_empty()) {
                (Some(norm), true) => steps.push(norm),
                (None, false) => steps.push(Step::Times(factors)),
                _ => {
                    self.back();
                    return Ok(steps);
                }
            }
        }
    }

    /// A logarithm that leaves zeros zero, as skl2onnx writes it, `ln(1 + x)`, or as scikit-learn has it, `1 + ln(x)`: that is
    /// `ln(max(x, 1)) + min(x, 1)`.
    fn logarithm(
        &mut self,
        is_ones: impl Fn(&NodeProto) -> Result<bool, DecodeError>,
    ) -> Result<Option<Step>, DecodeError> {
        if let Some(add) = self.next_if(|node| node.op_type == "Add") {
            if is_ones(add)? && self.next_if(|node| node.op_type == "Log").is_some() {
                return Ok(Some(Step::LogOfOneMore));
            }
            self.back();
            return Ok(None);
        }
        let [one, other] = self.nodes.readers(self.end)[..] else { return Ok(None) };
        let (most, least) = if one.op_type == "Max" { (one, other) } else { (other, one) };
        let next = |node: &'a NodeProto| node.outputs.first().and_then(|output| self.nodes.only_reader(output));
        let (Some(log), Some(add)) = (next(most), next(least)) else { return Ok(None) };
        let operators = [most, least, log, add].map(|node| node.op_type.as_str());
        let is_sum = next(log).is_some_and(|sum| sum.outputs == add.outputs);
        if operators != ["Max", "Min", "Log", "Add"] || !is_sum || !is_ones(most)? || !is_ones(least)? {
            return Ok(None);
        }
        let Some(output) = add.outputs.first() else { return Ok(None) };
        self.end = output;
        self.seen.extend([most, least, log, add]);
        Ok(Some(Step::OneMoreThanLog))
    }

    /// Takes the last node back.
    fn back(&mut self) {
        if let Some(node) = self.seen.pop()
            && let Some(input) = node.inputs.first()
        {
            self.end = input;
        }
    }
}

/// What a node counts.
struct Counts<'a> {
    sequences: Vec<(Vec<&'a str>, usize)>,
    width: usize,
}

impl<'a> Counts<'a> {
    /// Of a `TfIdfVectorizer` (<https://onnx.ai/onnx/operators/onnx__TfIdfVectorizer.html>) that counts and no more; none of
    /// another.
    fn of(node: &'a NodeProto) -> Option<Self> {
        let ints = |name| node.attribute(name).map(|attribute| &attribute.ints[..]);
        let (shortest, longest) = (node.int("min_gram_length", 1), node.int("max_gram_length", 1));
        if node.bytes("mode") != b"TF" || (longest > 1 && node.int("max_skip_count", 0) != 0) {
            return None;
        }
        let words: Result<Vec<&str>, _> =
            node.attribute("pool_strings")?.strings.iter().map(|word| str::from_utf8(word)).collect();
        let words = words.ok()?;
        let begins: Vec<usize> =
            ints("ngram_counts")?.iter().map(|&begin| usize::try_from(begin)).collect::<Result<_, _>>().ok()?;
        let mut places = ints("ngram_indexes")?.iter();
        let mut sequences = Vec::new();
        for (index, &begin) in begins.iter().enumerate() {
            let end = begins.get(index + 1).copied().unwrap_or(words.len());
            let length = index + 1;
            for sequence in words.get(begin..end)?.chunks(length) {
                let place = usize::try_from(*places.next()?).ok()?;
                if sequence.len() == length && (shortest..=longest).contains(&(length as i64)) {
                    sequences.push((sequence.to_vec(), place));
                }
            }
        }
        // A place for each sequence, as converters have it, so that a file cannot ask for more room than it takes itself.
        let width = ints("ngram_indexes")?.len();
        sequences.iter().all(|&(_, place)| place < width).then_some(())?;
        Some(Self { sequences, width })
    }

    fn vectorizer(&self, pattern: WordPattern, steps: Vec<Step>) -> Vectorizer {
        let sequences = self.sequences.iter().map(|(sequence, place)| (&sequence[..], *place));
        Vectorizer::new(pattern, sequences, self.width, steps)
    }
}
