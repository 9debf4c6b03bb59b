//! The engine: reads checkpoints, tokenizes, and runs models on threads of its own.
//!
//! [`engine::start`] loads a profile and starts its [`dispatcher::Dispatcher`]. Inside:
//!
//! - [`checkpoint`]: a model directory's config and weights
//! - [`tokenizer`]: text to token ids
//! - [`onnxruntime`]: the library, sessions, runs
//! - [`model`]: ids to answers, for one loaded model
//! - [`dispatcher`]: threads, requests, answers; the shell around the planner
//! - [`limits`]: what the process may use; [`memory`]: what a profile is going to take
//! - [`error`]: why it could not start

pub mod allocator;
mod budget;
pub mod checkpoint;
pub mod dispatcher;
pub mod engine;
pub mod error;
pub mod limits;
pub mod memory;
pub mod model;
pub mod onnxruntime;
pub mod tokenizer;
