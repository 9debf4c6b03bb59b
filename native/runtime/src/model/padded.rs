//! Any ONNX file that takes `input_ids` and `attention_mask`: served as it is, padded.

use std::path::Path;

use chorus_core::{packing::Rectangle, requests::BatchError, spec::Pooling};

use super::{Batch, Runner, ThreadShare};
use crate::{
    error::{LoadError, of_batch},
    onnxruntime::{Input, Library, ModelGraph, Provider, RunOutput, Sessions},
};

const IDS: &str = "input_ids";
const MASK: &str = "attention_mask";
const TOKEN_TYPES: &str = "token_type_ids";

pub struct PaddedModel {
    sessions: Sessions,
    padding: u32,
    takes_token_types: bool,
    pooling: Option<Pooling>,
    width: usize,
}

/// What the padded graph of `path` needs besides itself.
pub struct PaddedOptions<'a> {
    pub provider: Provider,
    pub threads: usize,
    pub padding: u32,
    /// For graphs whose output is one vector per token.
    pub pooling: Option<Pooling>,
    /// A shortest text, run once to learn the output's shape.
    pub probe: &'a [u32],
}

impl PaddedModel {
    pub fn load(path: &Path, library: Library, options: &PaddedOptions) -> Result<Self, LoadError> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let graph = std::fs::read(path).map_err(|error| LoadError::unreadable(path, &error))?;
        let sessions =
            Sessions::new(library, options.provider, options.threads, &ModelGraph { onnx: &graph, directory })
                .map_err(|error| LoadError::session(path, &error))?;
        let names = sessions.input_names();
        let known = [IDS, MASK, TOKEN_TYPES];
        if !names.iter().any(|name| name == IDS) || !names.iter().all(|name| known.contains(&name.as_str())) {
            let expected = format!("the inputs {IDS}, {MASK} and, optionally, {TOKEN_TYPES}");
            return Err(LoadError::invalid(path, expected, names.join(", ")));
        }
        let mut model = Self {
            takes_token_types: names.iter().any(|name| name == TOKEN_TYPES),
            sessions,
            padding: options.padding,
            pooling: options.pooling,
            width: 0,
        };
        model.width = model
            .run(&Batch::Tokens(&[options.probe]), &ThreadShare::new(1))
            .map(|numbers| numbers.len())
            .map_err(|error| LoadError::invalid(path, "a graph that runs", error.to_string()))?;
        Ok(model)
    }

    /// One row per text from the graph's output: as it is if it has two dimensions, pooled if three.
    fn rows(&self, output: RunOutput, batch: &Rectangle) -> Result<Vec<f32>, BatchError> {
        match (&output.shape[..], self.pooling) {
            ([_, _], None) => Ok(output.numbers),
            (&[_, longest, hidden], Some(pooling)) => {
                let texts = output.numbers.chunks_exact((longest * hidden).max(1));
                let masks = batch.mask.chunks_exact(batch.longest.max(1));
                Ok(texts.zip(masks).flat_map(|(text, mask)| pool(text, mask, hidden, pooling)).collect())
            }
            (shape, None) => Err(BatchError::Runtime(format!("its output has shape {shape:?}, not [texts, classes]"))),
            (shape, Some(_)) => {
                Err(BatchError::Runtime(format!("its output has shape {shape:?}, not [texts, tokens, hidden]")))
            }
        }
    }
}

impl Runner for PaddedModel {
    fn run(&self, batch: &Batch, threads: &ThreadShare) -> Result<Vec<f32>, BatchError> {
        let texts = batch.tokens()?;
        let batch = Rectangle::new(texts, self.padding);
        let token_types = vec![0_i64; batch.ids.len()];
        let shape = [texts.len(), batch.longest];
        let run = || {
            let mut inputs = vec![Input::new(IDS, &shape, &batch.ids)?, Input::new(MASK, &shape, &batch.mask)?];
            if self.takes_token_types {
                inputs.push(Input::new(TOKEN_TYPES, &shape, &token_types)?);
            }
            self.sessions.run(&inputs, threads.get())
        };
        let output = run().map_err(|error| of_batch(&error))?;
        self.rows(output, &batch)
    }

    fn width(&self) -> usize {
        self.width
    }

    fn computed(&self, batch: &Batch) -> usize {
        let texts = batch.tokens().unwrap_or_default();
        texts.len() * texts.iter().map(|text| text.len()).max().unwrap_or(0)
    }
}

/// One vector from a text's token vectors `[longest, hidden]`.
fn pool(tokens: &[f32], mask: &[i64], hidden: usize, pooling: Pooling) -> Vec<f32> {
    let mut vectors = tokens.chunks_exact(hidden);
    match pooling {
        Pooling::FirstToken => vectors.next().unwrap_or_default().to_vec(),
        Pooling::Mean => {
            let mut sum = vec![0.0; hidden];
            let real = vectors.zip(mask).filter(|&(_, &kept)| kept == 1);
            let mut count = 0.0;
            for (vector, _) in real {
                sum.iter_mut().zip(vector).for_each(|(sum, number)| *sum += number);
                count += 1.0;
            }
            sum.into_iter().map(|sum| sum / count).collect()
        }
    }
}
