//! An encoder's operators on an NVIDIA GPU: cuBLASLt multiplies matrices, own kernels do the rest.
//!
//! Nothing is linked: the driver and cuBLASLt are loaded when a [`Device`] is opened, so the same build runs where
//! neither is installed. The kernels (`kernels.cu`) are in the binary as PTX, which the driver translates for the
//! card that it finds.
//!
//! A row's result depends on that row alone, and attention's on its text: products never split their sums
//! (`linear`), and kernels add in a fixed order. It does not read a clock, know a model or start a thread.
//!
//! - `device`: a GPU and its kernels; [`Queue`]: work in order
//! - `linear`: products with weights
//! - `operators`: everything between them
//! - `memory`: numbers on the device, and on the way there

mod descriptors;
mod device;
mod element;
mod error;
mod linear;
mod memory;
mod operators;
mod plans;

pub use self::{
    device::{Device, Queue},
    element::Element,
    error::CudaError,
    linear::{Linear, padded_rows},
    memory::{Buffer, Parameters, Staging, View},
    operators::{AttentionShape, Dense, Function, LARGEST_HEAD, LARGEST_ROW, Norm, Tables, VECTOR},
};
