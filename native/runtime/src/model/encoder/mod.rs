//! A checkpoint on the CPU by Chorus's own operators (`chorus-kernels`).
//!
//! A batch is one row of tokens: linear layers, norms and activations know nothing of texts, only attention asks which
//! tokens belong together. The last layer computes first tokens only where the head reads no more. Both are exact
//! rewrites of the published model. Buffers are kept from batch to batch, and a model's weights are packed once for any
//! number of lanes and threads.
//!
//! - `weights`: tensors of the checkpoint into operators
//! - `layer`, `head`: the computation
//! - `needs`: what it takes, by the headers of its files
//! - `memory`: what it is going to take, by its configuration alone
//! - `team`: several threads for one batch

mod head;
mod layer;
mod memory;
mod needs;
mod team;
mod weights;

use std::{path::Path, sync::Arc};

use chorus_core::{
    names::EncoderNames,
    packing::{Packed, PositionRule},
    requests::BatchError,
    spec::ModelSpec,
    weights::WeightError,
};
use chorus_kernels::{Bf16, Bf16Linear, F32, Format, LayerNorm, Q8, WeightMemory};
use parking_lot::Mutex;

use self::{
    head::HeadLayers,
    layer::{Layer, Workspace, normalize},
    weights::{Packing, layer_norm},
};
pub use self::{
    memory::memory,
    needs::{Needs, needs},
    team::{Crew, Team},
};
use super::{
    Batch, Precision, Runner, ThreadShare,
    tensors::{Table, Tensors},
};
use crate::{checkpoint::WeightFiles, error::LoadError};

/// Multiply-adds of one layer that are worth one more thread. With fewer, threads wait for each other longer than they
/// compute: two take as long as one from 2 to 14 million on, by precision and size (bench/RESULTS.md).
const WORTH_A_THREAD: usize = 8 << 20;

/// Word and position tables stay in their files; a request reads a few rows of them.
struct Embeddings {
    words: Table,
    positions: Table,
    /// All tokens have type 0, as every tokenizer says for a single text.
    token_type: Option<Vec<f32>>,
    norm: LayerNorm,
}

struct Encoder<F: Format> {
    size: usize,
    width: usize,
    rule: PositionRule,
    embeddings: Embeddings,
    layers: Vec<Layer<F>>,
    /// Numbers in a layer's linear operators: its multiply-adds for each token.
    layer_weights: usize,
    head: HeadLayers,
    files: WeightFiles,
    team: Arc<Team>,
    /// Those that no lane is using.
    workspaces: Mutex<Vec<Workspace<F>>>,
}

/// A packed checkpoint.
pub struct Loaded {
    pub runner: Arc<dyn Runner>,
    pub needs: Needs,
}

/// The threads that a checkpoint is packed and run by.
#[derive(Clone)]
pub struct Teams {
    pub packing: Arc<Team>,
    pub running: Arc<Team>,
}

/// Packs the checkpoint in `directory`.
pub fn load(directory: &Path, spec: &ModelSpec, precision: Precision, teams: &Teams) -> Result<Loaded, LoadError> {
    require(directory, precision)?;
    match precision {
        // Half precision has been refused.
        Precision::Exact | Precision::Fp16 => load_as::<F32>(directory, spec, teams),
        Precision::Bf16 => load_as::<Bf16>(directory, spec, teams),
        Precision::Int8 => load_as::<Q8>(directory, spec, teams),
    }
}

/// Refuses a precision that this CPU does not compute in.
fn require(directory: &Path, precision: Precision) -> Result<(), LoadError> {
    let (expected, found) = match precision {
        Precision::Bf16 if !Bf16Linear::is_available() => {
            ("a CPU that multiplies bf16 (AVX512-BF16); use the precision exact or int8", "one that does not")
        }
        Precision::Fp16 => ("the precision exact, bf16 or int8 on a CPU; fp16 needs --device cuda", "fp16"),
        Precision::Exact | Precision::Bf16 | Precision::Int8 => return Ok(()),
    };
    Err(LoadError::invalid(directory, expected, found))
}

fn load_as<F: Format + 'static>(directory: &Path, spec: &ModelSpec, teams: &Teams) -> Result<Loaded, LoadError> {
    let files = WeightFiles::open(directory)?;
    let (encoder, needs) = Encoder::<F>::pack(files, spec, teams)
        .map_err(|source| LoadError::Weights { directory: directory.to_owned(), source })?;
    // The operators hold packed copies of all but the tables; give the originals' pages back.
    encoder.files.release_pages();
    Ok(Loaded { runner: Arc::new(encoder), needs })
}

impl<F: Format> Encoder<F> {
    fn pack(files: WeightFiles, spec: &ModelSpec, teams: &Teams) -> Result<(Self, Needs), WeightError> {
        let names = EncoderNames::new(spec.architecture, &files.index);
        let packing = Packing { tensors: Tensors::new(&files), memory: WeightMemory::default() };
        let tensors = &packing.tensors;
        let size = spec.hidden_size;
        let table = |name: &str, rows| tensors.table(&names.embedding(name), rows, size);
        let embeddings = Embeddings {
            words: table("word_embeddings.weight", spec.vocab_size)?,
            positions: table("position_embeddings.weight", spec.position_rows)?,
            token_type: match spec.token_type_rows {
                0 => None,
                rows => Some(tensors.first_row(&names.embedding("token_type_embeddings.weight"), rows, size)?),
            },
            norm: layer_norm(tensors, &names.embedding("LayerNorm"), size, spec.layer_norm_eps)?,
        };
        let last = if HeadLayers::reads_first_tokens(spec) { spec.layers - 1 } else { spec.layers };
        // By all threads of a start: when the last model of a profile is loaded, the others have nothing else to do.
        let layer = |index| Layer::pack(&packing, spec, &names.layer(index), index == last);
        let layers = teams.packing.map(0..spec.layers, layer).into_iter().collect::<Result<_, _>>()?;
        let (head, width) = HeadLayers::pack(&packing, &files.index, spec, &names)?;
        let needs = Needs { width, parameters: tensors.parameters(), bytes: packing.memory.taken() };
        let rule = PositionRule::of(spec);
        let workspaces = Mutex::default();
        let layer_weights = size * (4 * size + 2 * spec.intermediate_size);
        let team = Arc::clone(&teams.running);
        let encoder = Self { size, width, rule, embeddings, layers, layer_weights, head, files, team, workspaces };
        Ok((encoder, needs))
    }

    fn embed(&self, batch: &Packed, work: &mut Workspace<F>, crew: &Crew) {
        let Embeddings { words, positions, token_type, norm } = &self.embeddings;
        let mut sums = work.sums.rows_mut(batch.tokens(), self.size);
        for (row, (&id, &position)) in batch.ids.iter().zip(&batch.positions).enumerate() {
            let sum = sums.row_mut(row);
            sum.fill(0.0);
            words.add_row(&self.files, id as usize, sum);
            positions.add_row(&self.files, position as usize, sum);
            if let Some(row) = token_type {
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        }
        normalize(norm, &work.sums, None, &mut work.hidden, crew);
        work.offsets.clone_from(&batch.offsets);
    }
}

impl<F: Format> Runner for Encoder<F> {
    fn run(&self, batch: &Batch, threads: &ThreadShare) -> Result<Vec<f32>, BatchError> {
        let batch = Packed::new(batch.tokens()?, self.rule);
        let mut work = self.workspaces.lock().pop().unwrap_or_default();
        let alone = self.team.crew(1);
        self.embed(&batch, &mut work, &alone);
        let most = 1 + batch.tokens() * self.layer_weights / WORTH_A_THREAD;
        let share = || threads.get().clamp(1, most);
        let mut layers = self.layers.iter();
        while layers.len() > 0 {
            let count = share();
            let crew = self.team.crew(count);
            while share() == count
                && let Some(layer) = layers.next()
            {
                layer.run(&mut work, &crew);
            }
        }
        let output = self.head.run(work.hidden.values(), &work.offsets, &alone);
        self.workspaces.lock().push(work);
        Ok(output)
    }

    fn width(&self) -> usize {
        self.width
    }
}
