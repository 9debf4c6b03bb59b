//! A checkpoint on a GPU by Chorus's own operators (`chorus-cuda`).
//!
//! The same network as `encoder`, in half or single precision: a batch is one row of tokens, the last layer computes
//! little more than first tokens where the head reads no more. A batch has a *seat*: a queue of the device and
//! buffers that are kept from batch to batch. Lanes with a seat each run at the same time, on the same weights.
//!
//! - `weights`: tensors of the checkpoint to the device
//! - `layer`, `head`: the computation

mod head;
mod layer;
mod weights;

use std::{path::Path, sync::Arc};

use chorus_core::{
    names::EncoderNames,
    packing::{Packed, PositionRule},
    requests::BatchError,
    spec::{ModelSpec, Pooling, Task},
};
use chorus_cuda::{CudaError, Device, Element, LARGEST_HEAD, LARGEST_ROW, Norm, Tables, VECTOR};
use half::f16;
use parking_lot::Mutex;

use self::{
    head::Head,
    layer::{Layer, Seat},
    weights::Upload,
};
use super::{Batch, Precision, Runner, ThreadShare, tensors::Tensors};
use crate::{checkpoint::WeightFiles, error::LoadError};

struct CudaEncoder<T: Element> {
    size: usize,
    vocabulary: usize,
    /// The longest text that the position table has room for.
    max_tokens: usize,
    rule: PositionRule,
    tables: Tables<T>,
    norm: Norm,
    layers: Vec<Layer<T>>,
    head: Head,
    device: Arc<Device>,
    /// Those that no lane is using.
    seats: Mutex<Vec<Seat<T>>>,
}

/// Copies the checkpoint in `directory` to the device; returns it with the number of its parameters.
pub fn load(
    directory: &Path,
    spec: &ModelSpec,
    precision: Precision,
    device: &Arc<Device>,
) -> Result<(Arc<dyn Runner>, usize), LoadError> {
    check_sizes(directory, spec)?;
    match precision {
        Precision::Exact => load_as::<f32>(directory, spec, device),
        Precision::Fp16 => load_as::<f16>(directory, spec, device),
        Precision::Bf16 | Precision::Int8 => {
            Err(LoadError::invalid(directory, "the precision exact or fp16 on a GPU", precision.name()))
        }
    }
}

/// What the kernels are made for.
fn check_sizes(directory: &Path, spec: &ModelSpec) -> Result<(), LoadError> {
    let head_size = spec.hidden_size / spec.attention_heads;
    let sizes = [
        ("hidden size", spec.hidden_size, LARGEST_ROW),
        ("attention head", head_size, LARGEST_HEAD),
        ("feed-forward size", spec.intermediate_size, usize::MAX),
    ];
    for (what, size, most) in sizes {
        if size == 0 || !size.is_multiple_of(VECTOR) || size > most {
            let limit = if most == usize::MAX { String::new() } else { format!(", at most {most}") };
            let expected = format!("a {what} that is a multiple of {VECTOR}{limit}, on a GPU");
            return Err(LoadError::invalid(directory, expected, size.to_string()));
        }
    }
    Ok(())
}

fn load_as<T: Element>(
    directory: &Path,
    spec: &ModelSpec,
    device: &Arc<Device>,
) -> Result<(Arc<dyn Runner>, usize), LoadError> {
    let files = WeightFiles::open(directory)?;
    let queue = device.queue().map_err(LoadError::Device)?;
    let tensors = Tensors::new(&files);
    let upload = Upload { tensors: &tensors, queue: &queue, directory };
    let names = EncoderNames::new(spec.architecture, &files.index);
    let size = spec.hidden_size;
    let table = |name: &str, rows| upload.numbers(&names.embedding(name), &[rows, size]);
    let tables = Tables {
        words: table("word_embeddings.weight", spec.vocab_size)?,
        positions: table("position_embeddings.weight", spec.position_rows)?,
        token_type: match spec.token_type_rows {
            0 => None,
            rows => Some(upload.first_row(&names.embedding("token_type_embeddings.weight"), rows, size)?),
        },
    };
    let last = if reads_first_tokens(spec) { spec.layers - 1 } else { spec.layers };
    let encoder = CudaEncoder::<T> {
        size,
        vocabulary: spec.vocab_size,
        max_tokens: spec.max_tokens(),
        rule: PositionRule::of(spec),
        tables,
        norm: upload.norm(&names.embedding("LayerNorm"), size, spec.layer_norm_eps)?,
        layers: (0..spec.layers)
            .map(|index| Layer::upload(&upload, spec, &names.layer(index), index == last))
            .collect::<Result<_, _>>()?,
        head: Head::upload(&upload, &files.index, spec, &names)?,
        device: Arc::clone(device),
        seats: Mutex::default(),
    };
    // All that is needed is on the device.
    files.release_pages();
    Ok((Arc::new(encoder), tensors.parameters()))
}

fn reads_first_tokens(spec: &ModelSpec) -> bool {
    spec.task != Task::Embedding(Pooling::Mean)
}

impl<T: Element> CudaEncoder<T> {
    fn compute(&self, texts: &[&[u32]], seat: &mut Seat<T>) -> Result<Vec<f32>, CudaError> {
        let batch = seat.send(&Packed::new(texts, self.rule), self.size)?;
        let Seat { queue, indexes, hidden, .. } = seat;
        let [ids, positions] = [indexes.part(batch.ids()), indexes.part(batch.positions())];
        queue.embed(&self.tables, &self.norm, [&ids, &positions], hidden)?;
        for layer in &self.layers {
            layer.run(seat, &batch)?;
        }
        self.head.run(seat, &batch, self.size)
    }
}

impl<T: Element> Runner for CudaEncoder<T> {
    /// The calling thread waits for the device; threads mean nothing to one.
    fn run(&self, batch: &Batch, _threads: &ThreadShare) -> Result<Vec<f32>, BatchError> {
        let texts = batch.tokens()?;
        let free = self.seats.lock().pop();
        let run = || {
            let mut seat = match free {
                Some(seat) => seat,
                None => Seat::new(self.device.queue()?)?,
            };
            seat.queue.enter()?;
            let answer = self.compute(texts, &mut seat)?;
            // After a failure it is left: what is in its queue is not known.
            self.seats.lock().push(seat);
            Ok(answer)
        };
        run().map_err(|error: CudaError| BatchError::Runtime(error.to_string()))
    }

    fn width(&self) -> usize {
        self.head.width()
    }

    /// Tries products of every size out on what a batch of made-up texts leaves in the buffers.
    fn prepare(&self, tokens: usize) -> Result<(), BatchError> {
        let longest = self.max_tokens.min(tokens);
        // Any ids are texts; these differ from place to place.
        let ids: Vec<u32> = (0..tokens).map(|place| (place * 7919 % self.vocabulary) as u32).collect();
        let texts: Vec<&[u32]> = ids.chunks(longest).collect();
        self.run(&Batch::Tokens(&texts), &ThreadShare::new(1))?;
        let Some(mut seat) = self.seats.lock().pop() else { return Ok(()) };
        let prepared = self.layers[0].prepare(&mut seat, tokens);
        self.seats.lock().push(seat);
        prepared.map_err(|error| BatchError::Runtime(error.to_string()))
    }
}
