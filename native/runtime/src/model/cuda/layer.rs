//! One encoder layer on the device, and what a batch needs there.

use std::{mem::swap, ops::Range};

use chorus_core::{
    names::LayerNames,
    packing::Packed,
    spec::{Activation, ModelSpec},
};
use chorus_cuda::{
    AttentionShape, Buffer, CudaError, Element, Function, Linear, Norm, Parameters, Queue, Staging, padded_rows,
};

use super::weights::Upload;
use crate::error::LoadError;

/// A queue and the buffers of one batch at a time.
pub struct Seat<T: Element> {
    pub queue: Queue,
    /// [`Batch`] says what lies where.
    pub indexes: Staging<u32>,
    /// `[rows, hidden]`: what the next layer reads. A row for every token, or for the first of each text.
    pub hidden: Buffer<T>,
    projected: Buffer<T>,
    residual: Buffer<T>,
    context: Buffer<T>,
    narrow: Buffer<T>,
    wide: Buffer<T>,
    /// Of the head: a row for each text, and its answer.
    pub pooled: Buffer<f32>,
    pub logits: Buffer<f32>,
}

/// How large a batch is, and where its index arrays lie: ids and positions of the tokens, the texts' offsets, and
/// the numbers of the texts.
pub struct Batch {
    pub tokens: usize,
    pub texts: usize,
    pub longest: usize,
}

impl Batch {
    pub fn ids(&self) -> Range<usize> {
        0..self.tokens
    }

    pub fn positions(&self) -> Range<usize> {
        self.tokens..2 * self.tokens
    }

    /// The first token of each text, and the number of all.
    pub fn offsets(&self) -> Range<usize> {
        let Range { start, end } = self.firsts();
        start..end + 1
    }

    /// The first token of each text.
    pub fn firsts(&self) -> Range<usize> {
        2 * self.tokens..2 * self.tokens + self.texts
    }

    /// 0, 1, … for the texts.
    pub fn numbers(&self) -> Range<usize> {
        let behind = self.offsets().end;
        behind..behind + self.texts
    }
}

impl<T: Element> Seat<T> {
    pub fn new(queue: Queue) -> Result<Self, CudaError> {
        let buffer = || Buffer::new(&queue);
        let head = || Buffer::new(&queue);
        Ok(Self {
            indexes: Staging::new(&queue)?,
            hidden: buffer()?,
            projected: buffer()?,
            residual: buffer()?,
            context: buffer()?,
            narrow: buffer()?,
            wide: buffer()?,
            pooled: head()?,
            logits: head()?,
            queue,
        })
    }

    /// Sends a batch to the device and makes room for rows of `size`.
    pub fn send(&mut self, packed: &Packed, size: usize) -> Result<Batch, CudaError> {
        let batch = Batch { tokens: packed.tokens(), texts: packed.texts(), longest: packed.longest() };
        let offsets = packed.offsets.iter().map(|&offset| offset as u32);
        let numbers: Vec<u32> = offsets.chain(0..batch.texts as u32).collect();
        self.indexes.send(&self.queue, &[&packed.ids, &packed.positions, &numbers])?;
        let rows = padded_rows(batch.tokens) * size;
        for buffer in [&mut self.hidden, &mut self.residual, &mut self.context, &mut self.narrow] {
            buffer.reserve(&self.queue, rows)?;
        }
        self.projected.reserve(&self.queue, 3 * rows)?;
        Ok(batch)
    }
}

/// Attention and feed-forward block, each with residual and layer norm (post-norm, as in BERT).
pub struct Layer<T: Element> {
    heads: usize,
    first_tokens_only: bool,
    /// Queries, keys and values side by side.
    projections: Linear<T>,
    attention_output: (Linear<T>, Parameters<f32>),
    attention_norm: Norm,
    intermediate: (Linear<T>, Parameters<f32>),
    activation: Function,
    output: (Linear<T>, Parameters<f32>),
    output_norm: Norm,
}

impl<T: Element> Layer<T> {
    pub fn upload(
        upload: &Upload,
        spec: &ModelSpec,
        names: &LayerNames,
        first_tokens_only: bool,
    ) -> Result<Self, LoadError> {
        let (size, wide) = (spec.hidden_size, spec.intermediate_size);
        Ok(Self {
            heads: spec.attention_heads,
            first_tokens_only,
            projections: upload.linear(&[&names.query, &names.key, &names.value], [size, size])?,
            attention_output: upload.product(&names.attention_output, [size, size])?,
            attention_norm: upload.norm(&names.attention_norm, size, spec.layer_norm_eps)?,
            intermediate: upload.product(&names.intermediate, [wide, size])?,
            activation: match spec.activation {
                Activation::Gelu => Function::Gelu,
                Activation::GeluTanh => Function::GeluTanh,
                Activation::Relu => Function::Relu,
                Activation::Silu => Function::Silu,
            },
            output: upload.product(&names.output, [size, wide])?,
            output_norm: upload.norm(&names.output_norm, size, spec.layer_norm_eps)?,
        })
    }

    /// Makes the plans of all products of up to `tokens` rows, on what is in the buffers.
    pub fn prepare(&self, seat: &mut Seat<T>, tokens: usize) -> Result<(), CudaError> {
        let Seat { queue, hidden, projected, context, narrow, wide, .. } = seat;
        let steps = (1..=padded_rows(tokens) / padded_rows(1)).map(|step| step * padded_rows(1));
        wide.reserve(queue, padded_rows(tokens) * self.intermediate.0.outputs())?;
        for rows in steps {
            self.projections.run(queue, hidden, rows, projected)?;
            self.attention_output.0.run(queue, context, rows, narrow)?;
            self.intermediate.0.run(queue, context, rows, wide)?;
            self.output.0.run(queue, wide, rows, narrow)?;
        }
        queue.wait()
    }

    /// Replaces `seat.hidden` by this layer's output.
    pub fn run(&self, seat: &mut Seat<T>, batch: &Batch) -> Result<(), CudaError> {
        let Seat { queue, indexes, hidden, projected, residual, context, narrow, wide, .. } = seat;
        let size = self.output.0.outputs();
        let mut rows = batch.tokens;
        self.projections.run(queue, hidden, rows, projected)?;
        let shape = AttentionShape {
            heads: self.heads,
            head_size: size / self.heads,
            tokens: batch.tokens,
            queries: if self.first_tokens_only { 1 } else { batch.longest },
        };
        queue.attend(shape, &indexes.part(batch.offsets()), projected, context)?;
        if self.first_tokens_only {
            rows = batch.texts;
            let firsts = indexes.part(batch.firsts());
            queue.gather(hidden, &firsts, size, residual)?;
            queue.gather(context, &firsts, size, hidden)?;
            swap(hidden, context);
        } else {
            swap(hidden, residual);
        }
        let (linear, bias) = &self.attention_output;
        linear.run(queue, context, rows, narrow)?;
        queue.add_norm(&self.attention_norm, bias, [narrow, residual], rows, context)?;
        let (linear, bias) = &self.intermediate;
        wide.reserve(queue, padded_rows(rows) * linear.outputs())?;
        linear.run(queue, context, rows, wide)?;
        queue.activate(self.activation, bias, wide, rows)?;
        let (linear, bias) = &self.output;
        linear.run(queue, wide, rows, narrow)?;
        queue.add_norm(&self.output_norm, bias, [narrow, context], rows, hidden)
    }
}
