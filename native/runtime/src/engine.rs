//! Loads a profile's models and starts the dispatcher over them.

use std::{path::PathBuf, sync::Arc, thread};

use parking_lot::Mutex;

use crate::{
    allocator, budget,
    dispatcher::{Dispatcher, DispatcherConfig, ReplySink},
    error::LoadError,
    model::{Kernels, Loader, ModelConfig, Precision, Team},
    onnxruntime::{Library, Provider},
};

/// A GPU is filled by a few thousand tokens.
const CUDA_BATCH_TOKENS: usize = 8192;
/// Two batches in flight hide the host's work behind the device's.
const CUDA_LANES: usize = 2;

/// Where models are to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// CUDA where it can start, the CPU elsewhere.
    Auto,
    Cpu,
    /// CUDA, or an error.
    Cuda,
}

#[derive(Clone, Debug)]
pub struct EngineConfig {
    pub models: Vec<ModelConfig>,
    pub ort_library: PathBuf,
    pub device: Device,
    /// Which GPU, as CUDA counts those that it may see.
    pub device_id: i32,
    /// Captures a CUDA graph for each size of batch and replays it; batches are filled up to few sizes.
    pub cuda_graphs: bool,
    pub kernels: Kernels,
    pub precision: Precision,
    /// Batches at a time; one per core, or two on a GPU, where it is not given.
    pub lanes: Option<usize>,
    /// Tokens per batch; where it is not given, measured on a CPU and a constant for a GPU.
    pub max_batch_tokens: Option<usize>,
    /// Texts accepted and not yet answered, at most.
    pub queue_capacity: usize,
}

/// A profile that is being served.
pub struct Engine {
    pub dispatcher: Dispatcher,
    /// Tokens per batch, as configured or measured.
    pub max_batch_tokens: usize,
    pub ort_version: String,
}

/// Loads everything; each model has answered a text when this returns. Answers go to `replies`.
pub fn start(config: &EngineConfig, replies: ReplySink) -> Result<Engine, LoadError> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = config.lanes.unwrap_or(cores);
    let library = Library::load(&config.ort_library, threads)?;
    let provider = choose_provider(config, library)?;
    let loader = Loader {
        library,
        provider,
        kernels: config.kernels,
        precision: config.precision,
        cuda_graphs: config.cuda_graphs,
        threads,
        team: Arc::new(Team::new(threads)?),
        tokenizers: Mutex::default(),
    };
    let models = loader.load_all(&config.models)?;
    allocator::release_free_memory();
    let tokenizers = loader.tokenizers.into_inner();
    let lanes = match provider {
        Provider::Cpu => threads,
        Provider::Cuda { .. } => config.lanes.unwrap_or(CUDA_LANES),
    };
    let max_batch_tokens = config.max_batch_tokens.unwrap_or_else(|| match provider {
        Provider::Cpu => budget::measure(&models, &tokenizers, lanes),
        Provider::Cuda { .. } => CUDA_BATCH_TOKENS,
    });
    let dispatcher = DispatcherConfig { lanes, max_batch_tokens, queue_capacity: config.queue_capacity };
    let dispatcher = Dispatcher::start(models, tokenizers, dispatcher, replies);
    Ok(Engine { dispatcher, max_batch_tokens, ort_version: library.version() })
}

fn choose_provider(config: &EngineConfig, library: Library) -> Result<Provider, LoadError> {
    let cuda = Provider::Cuda { device: config.device_id };
    match config.device {
        Device::Auto => Ok(library.check(cuda).map_or(Provider::Cpu, |()| cuda)),
        Device::Cpu => Ok(Provider::Cpu),
        Device::Cuda => library.check(cuda).map(|()| cuda),
    }
}
