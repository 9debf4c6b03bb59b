//! A graph that reads texts itself: a classifier that was a scikit-learn pipeline.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use chorus_core::requests::{BatchError, LoadTime};

use super::{
    Batch, DecisionHead, Head, Model, ModelConfig, ModelInfo, Precision, Reader, Runner, Slot, ThreadShare,
    description::Description,
    load::{Loader, renamed},
};
use crate::{
    checkpoint::{Given, Graph, TextGraph},
    error::LoadError,
    onnxruntime::{GraphSource, Input, Library, ModelGraph, Numbers, Outputs, Provider, SharedSession, Threads},
};

/// What a batch's budget counts for a KiB of text. A batch of 16 KiB, with a budget of 256, takes about a millisecond.
const COST_PER_KIB: usize = 16;
/// What a graph must answer before it is served, and by whose scores it is told whether they are probabilities.
const PROBES: [&str; 4] =
    ["", "\u{1f600} \0 \n", "the", "The goalie saved 3 of 5 rockets, said a KEY witness; 42 times."];
/// A graph is run with so many texts at least.
const LEAST_ROWS: usize = 2;
/// Probabilities of a text sum to one but for rounding.
const SUM_WITHIN: f32 = 1e-3;

pub struct TextModel {
    graph: TextGraph,
    session: SharedSession,
    /// By the name that the graph gives.
    numbers: HashMap<String, usize>,
}

impl TextModel {
    pub fn load(graph: TextGraph, library: Library) -> Result<Self, ort::Error> {
        let source = GraphSource::Memory(&graph.model);
        let outputs = [graph.label.as_str(), graph.scores.as_str()];
        let model = ModelGraph { source, outputs: Outputs::These(&outputs) };
        let session = SharedSession::new(library, Provider::Cpu, Threads::Calling, &model)?;
        let numbers = graph.classes.iter().cloned().zip(0..).collect();
        // The session has a copy of its own.
        Ok(Self { session, numbers, graph: TextGraph { model: Vec::new(), ..graph } })
    }

    /// Whether the scores are probabilities, told by those of a few texts.
    ///
    /// # Errors
    /// Where the graph does not answer these texts.
    fn gives_probabilities(&self) -> Result<bool, BatchError> {
        let rows = self.run(&Batch::Texts(&PROBES), &ThreadShare::new(1))?;
        let is_distribution = |row: &[f32]| {
            let scores = &row[..self.graph.classes.len()];
            let sum: f32 = scores.iter().sum();
            scores.iter().all(|score| (0.0..=1.0).contains(score)) && (sum - 1.0).abs() <= SUM_WITHIN
        };
        Ok(rows.chunks_exact(self.width()).all(is_distribution))
    }

    fn run_together(&self, texts: &[&str]) -> Result<Vec<f32>, BatchError> {
        let cased =
            |text| if self.graph.lower_case { Cow::Owned(str::to_lowercase(text)) } else { Cow::Borrowed(text) };
        let mut texts: Vec<Cow<str>> = texts.iter().copied().map(cased).collect();
        let count = texts.len();
        // ONNX Runtime adds up the products of a lone row in another order than those of several.
        texts.resize(count.max(LEAST_ROWS), Cow::Borrowed(""));
        let outputs = self.outputs(&texts);
        // What ONNX Runtime says may have a part of a text in it.
        let (labels, scores) = outputs.map_err(|_| failed("ONNX Runtime could not run its graph"))?;
        let mut rows = self.rows(&labels, &scores)?;
        rows.truncate(count * self.width());
        Ok(rows)
    }

    fn outputs(&self, texts: &[Cow<str>]) -> Result<(Vec<String>, Numbers), ort::Error> {
        let TextGraph { input, given, .. } = &self.graph;
        let mut numbers = Vec::new();
        let input = match given {
            Given::Column => Input::texts(input, &[texts.len(), 1], texts),
            Given::List => Input::texts(input, &[texts.len()], texts),
            Given::Counts(vectorizer) => {
                numbers.resize(texts.len() * vectorizer.width(), 0.0);
                for (text, row) in texts.iter().zip(numbers.chunks_exact_mut(vectorizer.width())) {
                    vectorizer.write(text, row);
                }
                Input::new(input, &[texts.len(), vectorizer.width()], &numbers)
            }
        };
        let outputs = self.session.run(&[input?])?;
        Ok((outputs[0].names()?, outputs[1].numbers()?))
    }

    /// The scores of each text by class, and behind them its class.
    fn rows(&self, labels: &[String], Numbers { shape, numbers }: &Numbers) -> Result<Vec<f32>, BatchError> {
        let classes = self.graph.classes.len();
        let each = numbers.len() / labels.len().max(1);
        if each * labels.len() != numbers.len() || !(each == classes || (each == 1 && classes == 2)) {
            return Err(failed(&format!("its scores have shape {shape:?}, and it has {classes} classes")));
        }
        let mut rows = Vec::with_capacity(labels.len() * self.width());
        for (label, scores) in labels.iter().zip(numbers.chunks_exact(each)) {
            match scores {
                // The distance to the boundary, of the second class.
                [score] if classes == 2 => rows.extend([-score, *score]),
                _ => rows.extend(scores),
            }
            let class = self.numbers.get(label).ok_or_else(|| failed("its class is none of those that it has"))?;
            rows.push(*class as f32);
        }
        Ok(rows)
    }
}

fn failed(problem: &str) -> BatchError {
    BatchError::Runtime(problem.to_owned())
}

impl Runner for TextModel {
    fn run(&self, batch: &Batch, _: &ThreadShare) -> Result<Vec<f32>, BatchError> {
        let Batch::Texts(texts) = batch else { return Err(failed("it reads text and was given tokens")) };
        let together = if self.graph.runs_alone { 1 } else { texts.len().max(1) };
        let mut rows = Vec::new();
        for texts in texts.chunks(together) {
            rows.extend(self.run_together(texts)?);
        }
        Ok(rows)
    }

    fn width(&self) -> usize {
        self.graph.classes.len() + 1
    }
}

impl Loader {
    /// A model that reads texts itself, which has answered some.
    pub(super) fn text_model(
        &self,
        config: &ModelConfig,
        description: &Description,
        graph: &Graph,
    ) -> Result<Model, LoadError> {
        let path = &graph.path;
        let runner = TextModel::load(TextGraph::read(path)?, self.library);
        let runner = runner.map_err(|error| LoadError::session(path, &error))?;
        let probabilities = runner
            .gives_probabilities()
            .map_err(|error| LoadError::invalid(path, "a graph that answers texts", error.to_string()))?;
        let labels = renamed(config, path, &runner.graph.classes)?;
        let info = ModelInfo {
            name: config.name.clone(),
            architecture: description.architecture(),
            labels: labels.clone(),
            max_tokens: 0,
            parameters: 0,
            precision: Precision::Exact,
            provider: Provider::Cpu.name(),
            digest: String::new(),
            space: String::new(),
            width: runner.width(),
            bytes: graph.bytes(),
            load: LoadTime::Eager,
            usage: description.usage(),
        };
        Ok(Model {
            info,
            reader: Reader::Text { cost_per_kib: COST_PER_KIB },
            head: Head::Decision(DecisionHead { labels, probabilities }),
            slot: Slot::eager(Arc::new(runner)),
        })
    }
}
