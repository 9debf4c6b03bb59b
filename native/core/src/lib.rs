//! The pure half of Chorus: what to run, when, and what the numbers mean.
//!
//! Nothing here reads a clock, a file or the network, starts a thread or knows ONNX Runtime: time and
//! file contents are arguments. `chorus-runtime` drives it; every rule can be tested with plain values.
//!
//! - [`spec`]: what a checkpoint is, from its `config.json`
//! - [`weights`]: which tensors it holds, and where
//! - [`names`]: what each architecture calls its tensors
//! - [`packing`]: token ids of many texts as one batch
//! - [`planner`]: which texts run together, on which lane, and when
//! - [`requests`]: accepted requests and their answers, around it
//! - [`content`]: what a model reads of a text
//! - [`head`]: logits to labels and scores

pub mod content;
pub mod head;
pub mod names;
pub mod packing;
pub mod planner;
pub mod requests;
pub mod spec;
pub mod vectorizer;
pub mod weights;
