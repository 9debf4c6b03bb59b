//! `pytorch_model.bin` to safetensors.
//!
//! A file of `torch.save` is a pickle, a program for a small stack machine that may call any Python
//! function. `pickle` runs only what builds a dict of tensors and refuses everything else by name;
//! nothing in here executes or looks up anything. A file is taken for hostile: sizes and counts are
//! bounded, nothing recurses along the data, and memory does not grow with what a file declares.
//!
//! `archive` and `legacy` read the two containers, `state` picks the tensors, `gather` copies one
//! tensor, `convert` writes them all; `store` does so for all files of a checkpoint.

mod archive;
mod convert;
mod destination;
mod fault;
mod gather;
mod legacy;
mod pickle;
mod source;
mod state;
mod store;

pub use self::{
    convert::{Converted, convert},
    store::{Stored, store_as_safetensors},
};
