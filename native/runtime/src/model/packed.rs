//! Chorus's own packed graph over the weights of a checkpoint, by ONNX Runtime's operators on the CPU.

use std::{path::Path, sync::Arc};

use chorus_engine::{
    graph::{self, Element, Flavour, Initializer, Layout, PackedGraph, input},
    packing::{PackedBatch, PositionRule},
    spec::ModelSpec,
    weights::Dtype,
};
use ort::value::{DynValue, Tensor};

use super::{Runner, ThreadShare};
use crate::{
    checkpoint::WeightFiles,
    error::{BatchError, LoadError},
    onnxruntime::{Input, Library, ModelGraph, Provider, Sessions, borrowed_tensor},
};

/// Tensors up to this size (biases, layer norms) are copied out of the file: reading them there would
/// bring back the pages of the large weights around them, whose packed copies are used instead.
const COPIED_BYTES: usize = 64 << 10;

pub struct PackedModel {
    sessions: Sessions,
    rule: PositionRule,
    width: usize,
    /// The sessions borrow the mapped files: declared last, dropped last.
    weights: WeightFiles,
}

impl PackedModel {
    /// Builds the graph and its sessions; returns them with the number of parameters.
    pub fn load(
        directory: &Path,
        spec: &ModelSpec,
        library: Library,
        threads: usize,
    ) -> Result<(Box<dyn Runner>, usize), LoadError> {
        let weights = WeightFiles::open(directory)?;
        let flavour = Flavour { element: Element::F32, layout: Layout::Rectangle };
        let graph = graph::build(spec, &weights.index, flavour)
            .map_err(|source| LoadError::Weights { directory: directory.to_owned(), source })?;
        let sessions = || {
            let shared = shared_initializers(&weights, &graph)?;
            let source = ModelGraph { onnx: &graph.model, directory, weights: &shared };
            Sessions::new(library, Provider::Cpu, threads, &source)
        };
        let model = Self {
            sessions: sessions().map_err(|error| LoadError::session(directory, &error))?,
            rule: PositionRule::of(spec),
            width: graph.width,
            weights,
        };
        // The sessions hold packed copies of the linear layers now; give the originals' pages back.
        model.weights.release_pages();
        Ok((Box::new(model), graph.parameters))
    }
}

impl Runner for PackedModel {
    fn run(&self, texts: &[&[u32]], threads: &ThreadShare) -> Result<Vec<f32>, BatchError> {
        let batch = PackedBatch::new(texts, self.rule);
        let (tokens, rows) = (batch.ids.len(), texts.len());
        let run = || {
            let inputs = [
                Input::new(input::IDS, &[tokens], &batch.ids)?,
                Input::new(input::POSITIONS, &[tokens], &batch.positions)?,
                Input::new(input::PAD, &[rows, batch.longest], &batch.pad)?,
                Input::new(input::UNPAD, &[tokens], &batch.unpad)?,
                Input::new(input::LENGTHS, &[rows], &batch.lengths)?,
                Input::new(input::FIRST, &[rows], &batch.first)?,
            ];
            self.sessions.run(&inputs, threads.get())
        };
        run().map(|output| output.numbers).map_err(|error| BatchError::runtime(&error))
    }

    fn width(&self) -> usize {
        self.width
    }

    fn computed_tokens(&self, texts: &[&[u32]]) -> usize {
        texts.iter().map(|text| text.len()).sum()
    }
}

/// The graph's `f32` initializers as tensors over the mapped files.
///
/// ONNX Runtime shares the packed copies of such initializers among sessions, which it does not do for
/// those that it reads from external data itself. Half-precision weights are widened by the graph, per
/// session.
fn shared_initializers(weights: &WeightFiles, graph: &PackedGraph) -> Result<Vec<(String, Arc<DynValue>)>, ort::Error> {
    let mut shared = Vec::new();
    for Initializer { name, shape, tensor } in &graph.initializers {
        let Some(bytes) = weights.bytes(&tensor.data).filter(|_| tensor.dtype == Dtype::F32) else { continue };
        // SAFETY: every bit pattern is an `f32`. A file whose header leaves its data unaligned has
        // its weights read by ONNX Runtime instead.
        let (before, numbers, after) = unsafe { bytes.align_to::<f32>() };
        if !(before.is_empty() && after.is_empty()) {
            continue;
        }
        let value = if bytes.len() <= COPIED_BYTES {
            Tensor::from_array((shape.clone(), numbers.to_vec()))?.into_dyn()
        } else {
            // SAFETY: `PackedModel` keeps the mapping until its sessions are gone.
            unsafe { borrowed_tensor(shape, numbers)? }
        };
        shared.push((name.clone(), Arc::new(value)));
    }
    Ok(shared)
}
