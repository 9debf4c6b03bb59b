//! A model directory as the Hugging Face hub publishes it.
//!
//! Tokenizer files are `tokenizer/`'s business, the graph is built by the engine.
//!
//! - `form`: whether weights or an ONNX graph compute it
//! - `safetensors`, `torch`: weights in the two formats that there are
//! - `modules`: what sentence-transformers does with an encoder's vectors
//! - `json`, `locked`: files that are read, files that are known

mod form;
mod json;
mod locked;
mod modules;
mod safetensors;
pub mod torch;

pub use self::{
    form::{Form, Format, Formless, form_of, names_in},
    json::{read_json, read_object, read_optional_json},
    locked::{LockedFile, sha256},
    modules::{FILES as MODULE_FILES, Modules},
    safetensors::WeightFiles,
    torch::{Stored, store_as_safetensors},
};

/// Weights as `torch.save` wrote them.
pub const PICKLED: &str = "pytorch_model.bin";
/// The map from tensor to file where they are in several.
pub const PICKLED_SHARDS: &str = "pytorch_model.bin.index.json";
