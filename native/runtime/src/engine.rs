//! Loads a profile's models and starts the dispatcher over them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use parking_lot::Mutex;

use crate::{
    allocator, budget,
    dispatcher::{Dispatcher, DispatcherConfig, ReplySink, Sinks},
    error::LoadError,
    limits,
    model::{Description, Hardware, Loader, Model, ModelConfig, Precision, Source, Team, Teams},
    onnxruntime::{Library, Provider},
};

/// What fills a large GPU (bench/gpu.md).
const CUDA_BATCH_TOKENS: usize = 16_384;
/// At least; with one for each model, the batches of a group run side by side. Two hide the host's work behind the
/// device's.
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
    pub precision: Precision,
    /// Batches at a time; one per core, or one per model on a GPU, where it is not given.
    pub lanes: Option<usize>,
    /// Tokens per batch; where it is not given, measured on a CPU and a constant for a GPU.
    pub max_batch_tokens: Option<usize>,
    /// Texts accepted and not yet answered, at most.
    pub queue_capacity: usize,
    /// The longest wait that is let in; none: what deadlines and clients allow.
    pub max_wait: Option<Duration>,
    /// Bytes of memory for models; none: as many as they take.
    pub model_memory: Option<usize>,
}

/// A profile that is being served.
pub struct Engine {
    pub dispatcher: Dispatcher,
    /// Tokens per batch, as configured or measured.
    pub max_batch_tokens: usize,
    pub ort_version: String,
}

/// Loads everything but what is loaded on demand; each model that is has answered a text when this returns. Answers go
/// to `replies`.
pub fn start(config: &EngineConfig, replies: ReplySink) -> Result<Engine, LoadError> {
    start_beside(config, &[], replies.into())
}

/// Like `start`, beside an engine that goes on: takes over those of its models that are the same, and takes little from
/// it. Whoever calls it says in `config` how many tokens a batch has, which to measure would take all cores.
pub fn start_beside(config: &EngineConfig, previous: &[Arc<Model>], sinks: Sinks) -> Result<Engine, LoadError> {
    let threads = threads_of(config);
    let described = config.models.iter().map(Description::read).collect::<Result<Vec<_>, _>>()?;
    let library = Library::load(&config.ort_library, threads)?;
    let hardware = choose_hardware(config)?;
    let running = Arc::new(Team::new(threads)?);
    let loader = Loader {
        library,
        provider: choose_provider(config, &described, &hardware, library)?,
        hardware,
        precision: config.precision,
        threads,
        previous: previous.to_vec(),
        teams: Teams { packing: Arc::clone(&running), running: Arc::clone(&running) },
        // On the thread that loads: the others are wanted by what is served.
        later: Teams { packing: Arc::new(Team::new(1)?), running },
        model_memory: config.model_memory,
        tokenizers: Mutex::default(),
    };
    let models = loader.load_all(&config.models, &described)?;
    keep_within(config.model_memory, &models);
    allocator::release_free_memory();
    let tokenizers = loader.tokenizers.into_inner();
    let lanes = lanes_of(config, &loader.hardware);
    let max_batch_tokens = match loader.hardware {
        Hardware::Cpu => config.max_batch_tokens.unwrap_or_else(|| budget::measure(&models, lanes)),
        Hardware::Cuda(_) => config.max_batch_tokens.unwrap_or(CUDA_BATCH_TOKENS),
    };
    for (model, config) in models.iter().zip(&config.models) {
        let prepared = model.slot.runner().map_or(Ok(()), |runner| runner.prepare(max_batch_tokens));
        prepared.map_err(|error| {
            LoadError::invalid(&config.path, format!("a model that runs {max_batch_tokens} tokens"), error.to_string())
        })?;
    }
    let EngineConfig { queue_capacity, max_wait, model_memory, .. } = *config;
    let dispatcher = DispatcherConfig { lanes, max_batch_tokens, queue_capacity, max_wait, model_memory };
    let dispatcher = Dispatcher::start(models, tokenizers, dispatcher, sinks);
    Ok(Engine { dispatcher, max_batch_tokens, ort_version: library.version() })
}

/// Lets go of models that were taken over and have no place beside those that are loaded for good.
fn keep_within(budget: Option<usize>, models: &[Arc<Model>]) {
    let Some(budget) = budget else { return };
    let (lazy, eager): (Vec<_>, Vec<_>) = models.iter().partition(|model| model.slot.is_lazy());
    let mut taken: usize = eager.iter().map(|model| model.info.bytes).sum();
    for model in lazy.into_iter().filter(|model| model.slot.runner().is_some()) {
        if taken + model.info.bytes <= budget {
            taken += model.info.bytes;
        } else {
            model.slot.unload();
        }
    }
}

/// Threads that a lone batch may use.
fn threads_of(config: &EngineConfig) -> usize {
    config.lanes.unwrap_or_else(limits::cores)
}

/// Batches that run at a time.
pub(crate) fn lanes_of(config: &EngineConfig, hardware: &Hardware) -> usize {
    match hardware {
        Hardware::Cpu => threads_of(config),
        Hardware::Cuda(_) => config.lanes.unwrap_or(config.models.len().max(CUDA_LANES)),
    }
}

pub(crate) fn choose_hardware(config: &EngineConfig) -> Result<Hardware, LoadError> {
    let cuda = || chorus_cuda::Device::open(config.device_id as usize).map(Hardware::Cuda);
    match config.device {
        Device::Auto => Ok(cuda().unwrap_or(Hardware::Cpu)),
        Device::Cpu => Ok(Hardware::Cpu),
        Device::Cuda => cuda().map_err(LoadError::Device),
    }
}

/// What computes ONNX files: the hardware, too, if ONNX Runtime can use it. Where a GPU is demanded and there is such
/// a file, it must.
fn choose_provider(
    config: &EngineConfig,
    described: &[Description],
    hardware: &Hardware,
    library: Library,
) -> Result<Provider, LoadError> {
    let Hardware::Cuda(device) = hardware else { return Ok(Provider::Cpu) };
    let cuda = Provider::Cuda { device: device.ordinal() as i32 };
    // Those that read texts are computed on the CPU in any case.
    let is_given = |source: &Source| matches!(source, Source::Graph(graph) if !graph.reads_text);
    let has_onnx_files = described.iter().any(|description| is_given(&description.source));
    match library.check(cuda) {
        Ok(()) => Ok(cuda),
        Err(error) if config.device == Device::Cuda && has_onnx_files => Err(error),
        Err(_) => Ok(Provider::Cpu),
    }
}
