//! Everything that touches ONNX Runtime: finding the library, building sessions, running them.
//!
//! - `library`: loads `libonnxruntime` once per process
//! - `session`: a session that lanes share
//! - `sessions`: the sessions of one model, for one thread and for several
//!
//! No other module names the `ort` crate, except to pass its errors on.

mod library;
mod session;
mod sessions;

pub use library::Library;
pub use session::{Input, Provider, RunOutput, borrowed_tensor};
pub use sessions::{ModelGraph, Sessions};
