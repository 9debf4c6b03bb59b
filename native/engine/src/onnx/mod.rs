//! Writing ONNX files: the format (`proto`) and a small graph writer (`builder`).

pub mod builder;
pub mod proto;
