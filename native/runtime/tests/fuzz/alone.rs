//! One folder in an engine of its own, asked one text at a time.

use std::path::Path;

use chorus_core::spec::Pooling;
use chorus_runtime::{error::LoadError, model::ModelConfig};

use crate::common::{Loaded, config, model, start};

pub struct Alone(Loaded);

pub enum Answer {
    /// Why there is none.
    Refused(String),
    Scores(Vec<(String, f32)>),
    Vector(Vec<f32>),
}

impl Alone {
    /// Loads a folder, with what a profile would say of it beside its path: the graph's name where it is no usual one,
    /// and the pooling of a bare encoder.
    pub fn load(folder: &Path, graph: &str, pooling: &str) -> Result<Self, LoadError> {
        let path = if graph.is_empty() { folder.to_owned() } else { folder.join(graph) };
        let pooling = match pooling {
            "cls" => Some(Pooling::FirstToken),
            "mean" => Some(Pooling::Mean),
            _ => None,
        };
        start(&config(vec![ModelConfig { pooling, ..model("alone", path) }])).map(Self)
    }

    pub fn answer(&self, text: &str) -> Answer {
        let labels = &self.0.engine.dispatcher.models()[0].info.labels;
        match self.0.try_infer(&[text.to_owned()], 0) {
            Err(problem) => Answer::Refused(format!("{}: {problem}", problem.code())),
            Ok(answer) if labels.is_empty() => Answer::Vector(answer.numbers),
            Ok(answer) => Answer::Scores(labels.iter().cloned().zip(answer.numbers).collect()),
        }
    }
}
