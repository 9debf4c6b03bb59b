//! What a profile is going to take, found out before anything large of it is read.
//!
//! Weights and buffers follow from shapes, as `model::encoder` has them. What libraries allocate is a multiple of the
//! files that they read, measured on published models; docs/memory.md compares the sums with what was seen.

use crate::{
    budget,
    engine::{EngineConfig, choose_hardware, lanes_of},
    error::LoadError,
    limits::{Limits, limits},
    model::{Description, Hardware, Source, encoder_memory},
    tokenizer::TokenizerSet,
};

/// Of a graph's files: ONNX Runtime keeps its numbers as they are and as its kernels read them, and an arena for batches.
const GRAPH_FACTOR: usize = 3;

/// Bytes of the host's memory, at most.
#[derive(Clone, Debug)]
pub struct Footprint {
    /// In the order of the profile.
    pub models: Vec<ModelFootprint>,
    /// All tokenizers, once they are loaded.
    pub tokenizers: usize,
    /// What tokenizers take while they are loaded, which is before anything else is.
    pub loading_tokenizers: usize,
    /// What packing weights takes beside them, for a moment.
    pub packing: usize,
    pub lanes: usize,
    /// Whether models lie in the host's memory.
    pub is_on_cpu: bool,
    pub limits: Limits,
}

/// Of one model, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelFootprint {
    /// Kept for as long as it is served.
    pub weights: usize,
    /// Of batches, once each lane has run the largest; kept, too.
    pub buffers: usize,
    /// Beside the weights while they are packed.
    pub packing: usize,
    /// Tables in files, of which pages are mapped as texts ask for them. The system takes them back where memory is short.
    pub mapped: usize,
}

/// What `config` is going to take, and what there is.
///
/// # Errors
/// Where a model cannot be described, or the GPU that is demanded is not there.
pub fn footprint(config: &EngineConfig) -> Result<Footprint, LoadError> {
    let described = config.models.iter().map(Description::read).collect::<Result<Vec<_>, _>>()?;
    let hardware = choose_hardware(config)?;
    let lanes = lanes_of(config, &hardware);
    let is_on_cpu = matches!(hardware, Hardware::Cpu);
    let models: Vec<_> = described
        .iter()
        .map(|description| match &description.source {
            _ if !is_on_cpu => ModelFootprint::default(),
            Source::Checkpoint(spec) => {
                let tokens = config.max_batch_tokens.unwrap_or(budget::LARGEST).max(description.max_tokens);
                encoder_memory(spec, config.precision, tokens, lanes)
            }
            Source::Graph(graph) => {
                ModelFootprint { weights: GRAPH_FACTOR * graph.bytes(), ..ModelFootprint::default() }
            }
        })
        .collect();
    let folders: Vec<_> = described.iter().filter_map(|description| description.tokenizer.as_ref()).collect();
    let distinct = TokenizerSet::distinct(&folders)?;
    let tokenizers: Vec<_> = distinct.into_iter().map(|index| folders[index].memory()).collect();
    let mut loading: Vec<_> = tokenizers.iter().map(|memory| memory.loading).collect();
    loading.sort_unstable_by(|a, b| b.cmp(a));
    Ok(Footprint {
        tokenizers: tokenizers.iter().map(|memory| memory.kept).sum(),
        loading_tokenizers: loading.iter().take(lanes).sum(),
        packing: lanes * models.iter().map(|model| model.packing).max().unwrap_or(0),
        models,
        lanes,
        is_on_cpu,
        limits: limits("/".as_ref()),
    })
}
