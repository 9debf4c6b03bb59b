//! Operators of transformer encoders on CPUs: linear layers `y = act(x · Wᵀ + b)` in int8, bf16 and f32,
//! attention over texts of different lengths, and layer normalization.
//!
//! Weights are packed once into panels of [`PANEL_COLUMNS`] output channels; activations stream past them
//! in tiles of up to [`TILE_ROWS`] rows that live in registers. The same panel layout serves every
//! instruction set and every precision, because a panel is made of 32-bit words: four int8, two bf16 or
//! one f32 along the input dimension.
//!
//! A row's result depends on that row alone: the same bits come out whatever other rows are multiplied
//! with it, wherever it stands, and however the output columns are split over threads.
//!
//! The crate starts no threads and allocates nothing while it multiplies. It is the only crate here with
//! unsafe arithmetic.
//!
//! - [`Q8Linear`], [`Bf16Linear`], [`F32Linear`]: the operators, one [`Linear`] in three [`Format`]s
//! - [`Rows`]: their inputs, converted once for several operators, or written by another operator as they are read
//! - [`Attention`], [`LayerNorm`]: what stands between them, in f32 (attention's products may be in bf16)
//! - [`f16`]: products of the vectors of an index's graph
//! - [`scan`]: products of the rows of an index with the vectors that are looked for
//! - [`WeightMemory`]: where the packed weights of a model lie
//! - [`Isa`]: which instructions are used
//! - [`Matrix`], [`MatrixMut`]: views of inputs and results; the latter can be split by columns
//! - `layout`: how all of them lie in memory; nothing in it knows an operator
//! - `tile`: the register kernels, one file per instruction set

#![allow(
    clippy::inline_always,
    reason = "code is compiled with the instructions of the function that it is inlined into"
)]

#[macro_use]
mod vectorized;

mod activation;
mod attention;
mod bf16;
mod element;
mod exp;
pub mod f16;
mod format;
mod fp32;
mod gemm;
mod huge_pages;
mod isa;
mod lanes;
mod layer_norm;
mod layout;
mod linear;
mod matrix;
mod panels;
mod parts;
mod q8;
mod rounding;
mod rows;
pub mod scan;
mod tile;
mod words;

pub use activation::Activation;
pub use attention::{Attention, AttentionScratch, Inputs};
pub use bf16::{Bf16, Bf16Linear};
pub use element::Element;
pub use format::Format;
pub use fp32::{F32, F32Linear};
pub use huge_pages::WeightMemory;
pub use isa::Isa;
pub use layer_norm::LayerNorm;
pub use layout::{PANEL_COLUMNS, Shape};
pub use linear::Linear;
pub use matrix::{Matrix, MatrixMut};
pub use q8::{Q8, Q8Linear};
pub use rows::{Rows, RowsMut};
pub use tile::TILE_ROWS;
