//! What the fuzz targets share: a folder with the files of an input, and what must hold of a tokenizer.
//!
//! Every target loads a folder through the functions that serving it uses. An input may be refused; it must not end the
//! process, nor take memory or time out of proportion (`native/fuzz/run.sh` has the limits), and what is taken must be
//! right. Start with `make fuzz`.

mod folder;
mod panics;
mod tokenizer;

pub use self::{
    folder::{Folder, parts},
    panics::{caught, start},
    tokenizer::{check_ids, check_prefixes},
};
