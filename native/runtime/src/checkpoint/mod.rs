//! A model directory as the Hugging Face hub publishes it.
//!
//! Tokenizer files are `tokenizer/`'s business, the graph is built by the engine.
//!
//! - `form`: whether weights or an ONNX graph compute it; `graph`: what its file says, `value_info` of inputs and outputs
//! - `text_graph`: a graph that reads texts itself; `wire`: changes in its file
//! - `safetensors`, `torch`: weights in the two formats that there are
//! - `modules`: what sentence-transformers does with an encoder's vectors
//! - `json`: files that are read; `locked`, `known`: files whose contents are known

mod form;
mod graph;
mod json;
mod known;
mod locked;
mod modules;
mod safetensors;
mod text_graph;
pub mod torch;
mod value_info;
mod wire;

use std::{
    fs::File,
    path::{Component, Path, PathBuf},
};

use memmap2::Mmap;

pub use self::{
    form::{Form, Format, Formless, form_of, graph_named, names_in},
    graph::{Graph, IDS},
    json::{read_json, read_object, read_optional_json},
    known::{KnownFile, Stamp},
    locked::{LockedFile, sha256},
    modules::{Modules, Similarity, Usage},
    safetensors::WeightFiles,
    text_graph::{Given, TextGraph},
    torch::{Stored, store_as_safetensors},
    value_info::shown_shape,
};
use crate::error::LoadError;

/// Weights as `torch.save` wrote them.
pub const PICKLED: &str = "pytorch_model.bin";
/// The map from tensor to file where they are in several.
pub const PICKLED_SHARDS: &str = "pytorch_model.bin.index.json";

fn map(path: &Path) -> Result<Mmap, LoadError> {
    let file = File::open(path).map_err(|error| LoadError::unreadable(path, &error))?;
    // SAFETY: the mapping is read-only. Chorus requires that weight files are not changed while it
    // runs (README, "Models"); replacing them by rename, as `pull` and the hub's cache do, is fine.
    unsafe { Mmap::map(&file) }.map_err(|error| LoadError::unreadable(path, &error))
}

/// What the file of a model names by `name`, in `folder` or below; nothing where that is outside it.
fn within(folder: &Path, name: &str) -> Option<PathBuf> {
    let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    // Without parts that say nothing, as a repository lists it.
    let plain = Path::new(name).components().filter(|part| matches!(part, Component::Normal(_)));
    Path::new(name).components().all(is_plain).then(|| folder.join(plain.collect::<PathBuf>()))
}
