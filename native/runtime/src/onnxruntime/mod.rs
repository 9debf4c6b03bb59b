//! Everything that touches ONNX Runtime: finding the library, building sessions, running them.
//!
//! - `library`: loads `libonnxruntime` once per process
//! - `provider`: the CPU or a GPU
//! - `session`: a session that lanes share
//! - `sessions`: the sessions of one model, for one thread and for several
//!
//! No other module names the `ort` crate, except to pass its errors on.

mod library;
mod provider;
mod session;
mod sessions;

pub use library::Library;
pub use provider::Provider;
pub use session::{
    Element, GraphSource, Input, InputType, ModelGraph, Numbers, Output, Outputs, SharedSession, Threads,
};
pub use sessions::Sessions;
