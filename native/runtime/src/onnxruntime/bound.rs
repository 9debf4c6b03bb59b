//! A session whose inputs and output are bound to memory that the device copies from and to by itself.
//!
//! Host memory is page-locked, so that CUDA copies it without a detour. With `captures`, each size of batch
//! keeps its tensors on the device for good: a CUDA graph is captured over them when the size first occurs and
//! replayed afterwards, one launch instead of some hundred.
//!
//! # Why does `run` take `&mut self`?
//! ONNX Runtime forbids runs from several threads on a session that captures. Who owns the session gives it
//! one thread (`model::device`).

use std::{collections::HashMap, path::Path};

use ort::{
    Error,
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::{IoBinding, RunOptions, Session},
    value::{DynTensor, TensorElementType},
};

use super::{
    Library,
    provider::{Provider, capture, without_capture},
    session::{Threads, builder},
};

/// Captured graphs of one session at most; batches of further sizes run without. Each keeps its tensors and
/// its launches in the device's memory.
const MOST_GRAPHS: usize = 64;
/// ONNX Runtime neither captures nor replays a run with this id.
const NO_GRAPH: i32 = -1;
const GRAPH_ID: &str = "gpu_graph_id";

/// A named input: numbers in row-major order.
pub struct BoundInput<'a> {
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub numbers: Numbers<'a>,
}

#[derive(Clone, Copy)]
pub enum Numbers<'a> {
    F32(&'a [f32]),
    I32(&'a [i32]),
}

pub struct BoundOptions<'a> {
    pub provider: Provider,
    /// Captures and replays a CUDA graph for each size of batch.
    pub captures: bool,
    /// The folder that the graph's external data files lie in.
    pub directory: &'a Path,
}

pub struct BoundSession {
    session: Session,
    provider: Provider,
    output: String,
    host: Allocator,
    host_info: MemoryInfo<'static>,
    /// Where frames are; none without captures.
    device: Option<Allocator>,
    frames: HashMap<Vec<Vec<usize>>, Frame>,
}

/// The tensors of one size of batch, at addresses that do not change.
struct Frame {
    binding: IoBinding,
    inputs: Vec<Staged>,
    output: DynTensor,
    output_on_host: DynTensor,
    run: RunOptions,
}

struct Staged {
    on_host: DynTensor,
    on_device: DynTensor,
}

impl BoundSession {
    /// Builds a session over a graph in ONNX's format with one output in `f32`.
    pub fn new(library: Library, graph: &[u8], options: &BoundOptions) -> Result<Self, Error> {
        let &BoundOptions { provider, captures, directory } = options;
        let _guard = without_capture(provider);
        let session = builder(library, provider, captures, Threads::Calling, directory)?.commit_from_memory(graph)?;
        let output = session.outputs().first().ok_or_else(|| Error::new("the graph has no output"))?;
        let host_info = memory(provider, true)?;
        Ok(Self {
            provider,
            output: output.name().to_owned(),
            host: Allocator::new(&session, host_info.clone())?,
            host_info,
            device: captures.then(|| Allocator::new(&session, memory(provider, false)?)).transpose()?,
            frames: HashMap::new(),
            session,
        })
    }

    /// Runs the graph; returns its output, which has `output_shape`.
    pub fn run(&mut self, inputs: &[BoundInput], output_shape: [usize; 2]) -> Result<Vec<f32>, Error> {
        if self.device.is_none() {
            let _guard = without_capture(self.provider);
            return self.run_once(inputs);
        }
        let size: Vec<Vec<usize>> = inputs.iter().map(|input| input.shape.clone()).collect();
        if let Some(frame) = self.frames.get_mut(&size) {
            let _guard = without_capture(self.provider);
            return frame.run(&mut self.session, inputs);
        }
        if self.frames.len() == MOST_GRAPHS {
            let _guard = without_capture(self.provider);
            return self.run_once(inputs);
        }
        let _guard = capture();
        let mut frame = self.new_frame(inputs, output_shape)?;
        // The first run captures.
        let numbers = frame.run(&mut self.session, inputs)?;
        self.frames.insert(size, frame);
        Ok(numbers)
    }

    /// Sizes of batches that have a graph.
    pub fn captured(&self) -> usize {
        self.frames.len()
    }

    fn run_once(&mut self, inputs: &[BoundInput]) -> Result<Vec<f32>, Error> {
        let mut binding = self.session.create_binding()?;
        for input in inputs {
            let mut tensor = input.tensor(&self.host)?;
            input.numbers.fill(&mut tensor)?;
            binding.bind_input(input.name, &tensor)?;
        }
        binding.bind_output_to_device(&self.output, &self.host_info)?;
        binding.synchronize_inputs()?;
        let outputs = self.session.run_binding_with_options(&binding, &run_options(NO_GRAPH)?)?;
        let (_, numbers) = outputs[self.output.as_str()].try_extract_tensor::<f32>()?;
        Ok(numbers.to_vec())
    }

    fn new_frame(&self, inputs: &[BoundInput], output_shape: [usize; 2]) -> Result<Frame, Error> {
        let device = self.device.as_ref().ok_or_else(|| Error::new("the session does not capture"))?;
        let mut binding = self.session.create_binding()?;
        let stage = |input: &BoundInput| -> Result<Staged, Error> {
            let staged = Staged { on_host: input.tensor(&self.host)?, on_device: input.tensor(device)? };
            binding.bind_input(input.name, &staged.on_device)?;
            Ok(staged)
        };
        let staged = inputs.iter().map(stage).collect::<Result<_, _>>()?;
        let mut output = DynTensor::new(device, TensorElementType::Float32, output_shape)?;
        binding.bind_output(&self.output, &mut output)?;
        Ok(Frame {
            binding,
            inputs: staged,
            output,
            output_on_host: DynTensor::new(&self.host, TensorElementType::Float32, output_shape)?,
            run: run_options(self.frames.len() as i32 + 1)?,
        })
    }
}

impl Frame {
    fn run(&mut self, session: &mut Session, inputs: &[BoundInput]) -> Result<Vec<f32>, Error> {
        for (staged, input) in self.inputs.iter_mut().zip(inputs) {
            input.numbers.fill(&mut staged.on_host)?;
            // Waits for the copy: it runs on another stream than the session.
            staged.on_host.copy_into(&mut staged.on_device)?;
        }
        session.run_binding_with_options(&self.binding, &self.run)?;
        self.output.copy_into(&mut self.output_on_host)?;
        let (_, numbers) = self.output_on_host.try_extract_tensor::<f32>()?;
        Ok(numbers.to_vec())
    }
}

impl BoundInput<'_> {
    fn tensor(&self, allocator: &Allocator) -> Result<DynTensor, Error> {
        let element = match self.numbers {
            Numbers::F32(_) => TensorElementType::Float32,
            Numbers::I32(_) => TensorElementType::Int32,
        };
        DynTensor::new(allocator, element, self.shape.clone())
    }
}

impl Numbers<'_> {
    fn fill(self, tensor: &mut DynTensor) -> Result<(), Error> {
        match self {
            Self::F32(numbers) => copy(numbers, tensor.try_extract_tensor_mut()?.1),
            Self::I32(numbers) => copy(numbers, tensor.try_extract_tensor_mut()?.1),
        }
    }
}

fn copy<T: Copy>(numbers: &[T], to: &mut [T]) -> Result<(), Error> {
    if numbers.len() != to.len() {
        return Err(Error::new(format!("{} numbers for a tensor of {}", numbers.len(), to.len())));
    }
    to.copy_from_slice(numbers);
    Ok(())
}

fn run_options(graph: i32) -> Result<RunOptions, Error> {
    let mut options = RunOptions::new()?;
    options.set(GRAPH_ID, graph.to_string())?;
    Ok(options)
}

/// Memory that `provider`'s device copies from and to by itself, or the device's own.
fn memory(provider: Provider, of_host: bool) -> Result<MemoryInfo<'static>, Error> {
    let (device, id, kind) = match provider {
        Provider::Cpu => (AllocationDevice::CPU, 0, MemoryType::Default),
        Provider::Cuda { device } if of_host => (AllocationDevice::CUDA_PINNED, device, MemoryType::CPUOutput),
        Provider::Cuda { device } => (AllocationDevice::CUDA, device, MemoryType::Default),
    };
    MemoryInfo::new(device, id, AllocatorType::Device, kind)
}
