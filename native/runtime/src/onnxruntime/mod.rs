//! Everything that touches ONNX Runtime: finding the library, building sessions, running them.
//!
//! - `library`: loads `libonnxruntime` once per process
//! - `session`: a session that lanes share, with its weights borrowed from mapped files
//!
//! No other module names the `ort` crate, except to pass its errors on.

mod library;
mod session;

pub use library::Library;
pub use session::{Input, Provider, RunOutput, SessionOptions, SharedSession, Threads, borrowed_tensor};
