//! A session that several lanes run at once.

use std::{
    ffi::{CString, c_char},
    fmt::Debug,
    path::Path,
    ptr::{self, NonNull},
};

use half::f16;
use ort::{
    AsPointer, Error,
    session::{Session, SessionInputValue, builder::GraphOptimizationLevel},
    value::{DynValue, Outlet, PrimitiveTensorElementType, Tensor, TensorElementType, TensorRef, ValueType},
};
use parking_lot::Mutex;

use super::{Library, provider::Provider};

/// What the sessions of a model are built from.
pub struct ModelGraph<'a> {
    pub source: GraphSource<'a>,
    pub outputs: Outputs<'a>,
}

/// A graph in ONNX's format.
#[derive(Clone, Copy)]
pub enum GraphSource<'a> {
    /// With its external data in the same folder or, where both are links, in that of what they link to.
    File(&'a Path),
    /// Whole.
    Memory(&'a [u8]),
}

/// Which outputs of a graph are wanted.
#[derive(Clone, Copy)]
pub enum Outputs<'a> {
    /// One, and what it may be called where there are several.
    OneOf(&'a [&'a str]),
    /// All of these, in this order.
    These(&'a [&'a str]),
}

/// The threads that compute one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The calling thread alone.
    Calling,
    /// The calling thread and the process-wide pool.
    Shared,
}

/// A session whose `run` takes `&self`.
///
/// # Why may lanes share a session?
/// `ort` asks for `&mut self` because some execution providers are not thread-safe. ONNX Runtime
/// documents `OrtApi::Run` as safe to call from several threads on one session, and on the CPU
/// provider each call has its own execution frame over a thread-safe arena. Shared sessions halve the
/// memory (374 MB instead of 704 MB for one XLM-R-base on two lanes). Runs on any other provider are
/// serialized by `exclusive`.
pub struct SharedSession {
    session: Session,
    exclusive: Option<Mutex<()>>,
    outputs: Vec<CString>,
}

/// One of a graph's outputs.
pub struct Output(DynValue);

/// Numbers in row-major order.
pub struct Numbers {
    pub shape: Vec<usize>,
    pub numbers: Vec<f32>,
}

/// What a graph says of one of its inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputType {
    pub name: String,
    /// `None` for one that is no tensor of numbers as Chorus gives them.
    pub element: Option<Element>,
    /// Its dimensions; `None` for those that may be any.
    pub shape: Vec<Option<usize>>,
}

/// The kinds of numbers that ids and masks are given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    F16,
    F32,
    I32,
    I64,
}

impl InputType {
    fn of(input: &Outlet) -> Self {
        let (element, shape) = match input.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                let element = match ty {
                    TensorElementType::Float16 => Some(Element::F16),
                    TensorElementType::Float32 => Some(Element::F32),
                    TensorElementType::Int32 => Some(Element::I32),
                    TensorElementType::Int64 => Some(Element::I64),
                    _ => None,
                };
                (element, shape.iter().map(|&size| usize::try_from(size).ok()).collect())
            }
            _ => (None, Vec::new()),
        };
        Self { name: input.name().to_owned(), element, shape }
    }
}

/// A named input of a run: numbers or texts in row-major order, and their shape.
pub struct Input<'a> {
    name: CString,
    value: SessionInputValue<'a>,
}

impl<'a> Input<'a> {
    pub fn new<T>(name: &str, shape: &[usize], numbers: &'a [T]) -> Result<Self, Error>
    where
        T: PrimitiveTensorElementType + Clone + Debug + 'static,
    {
        let tensor = TensorRef::from_array_view((shape.to_vec(), numbers))?;
        Ok(Self { name: c_string(name), value: tensor.into() })
    }

    /// Texts, copied.
    pub fn texts(name: &str, shape: &[usize], texts: &[impl AsRef<str>]) -> Result<Self, Error> {
        let tensor = Tensor::from_string_array((shape.to_vec(), &*vec![""; texts.len()]))?;
        for (index, text) in texts.iter().map(AsRef::as_ref).enumerate() {
            // What takes all texts at once takes them as C strings, which end at a NUL.
            let mut place = ptr::null_mut();
            // SAFETY: the tensor is alive, not shared, and has `texts.len()` strings; ONNX Runtime makes room for
            // `text.len()` bytes at `place`, which nothing else refers to.
            unsafe {
                let element = (ort::api().GetResizedStringTensorElementBuffer)(
                    tensor.ptr().cast_mut(),
                    index,
                    text.len(),
                    &raw mut place,
                );
                Error::result_from_status(element)?;
                ptr::copy_nonoverlapping(text.as_ptr(), place.cast(), text.len());
            }
        }
        Ok(Self { name: c_string(name), value: tensor.into() })
    }
}

impl SharedSession {
    /// Builds a session over a graph.
    pub fn new(library: Library, provider: Provider, threads: Threads, graph: &ModelGraph) -> Result<Self, Error> {
        let mut builder =
            Session::builder(library.environment())?.with_optimization_level(GraphOptimizationLevel::Level2)?;
        if threads == Threads::Calling {
            builder = builder.with_independent_thread_pool()?.with_intra_threads(1)?;
        }
        if let Some(registration) = provider.registration() {
            builder = builder.with_execution_providers([registration])?;
        }
        let session = match graph.source {
            GraphSource::File(path) => builder.commit_from_file(path)?,
            GraphSource::Memory(bytes) => builder.commit_from_memory(bytes)?,
        };
        let outputs = match graph.outputs {
            Outputs::OneOf(names) => vec![c_string(output_of(&session, names)?)],
            Outputs::These(names) => names.iter().map(|name| c_string(name)).collect(),
        };
        Ok(Self { outputs, exclusive: (provider != Provider::Cpu).then(Mutex::default), session })
    }

    pub fn inputs(&self) -> Vec<InputType> {
        self.session.inputs().iter().map(InputType::of).collect()
    }

    /// Runs the graph; returns the outputs that are wanted of it.
    pub fn run(&self, inputs: &[Input]) -> Result<Vec<Output>, Error> {
        let _turn = self.exclusive.as_ref().map(Mutex::lock);
        let names: Vec<*const c_char> = inputs.iter().map(|input| input.name.as_ptr()).collect();
        let values: Vec<_> = inputs.iter().map(|input| input.value.ptr()).collect();
        let output_names: Vec<*const c_char> = self.outputs.iter().map(|name| name.as_ptr()).collect();
        let mut outputs = vec![ptr::null_mut(); output_names.len()];
        // SAFETY: every pointer refers to a live value of this scope or of `self`; the arrays have the
        // lengths given with them; null output slots ask ONNX Runtime to allocate. `Run` may be called
        // from several threads at once (see the type's documentation).
        unsafe {
            let status = (ort::api().Run)(
                self.session.ptr().cast_mut(),
                ptr::null(),
                names.as_ptr(),
                values.as_ptr(),
                inputs.len(),
                output_names.as_ptr(),
                outputs.len(),
                outputs.as_mut_ptr(),
            );
            Error::result_from_status(status)?;
        }
        let output = |value| {
            let value = NonNull::new(value).ok_or_else(|| Error::new("the session returned no output"))?;
            // SAFETY: `Run` succeeded, so the slot holds a value that is ours to free, made by the
            // session's allocator.
            Ok(Output(unsafe { DynValue::from_ptr(value, Some(self.session.allocator())) }))
        };
        // All of them are taken before one that is missing ends it.
        let outputs: Vec<Result<Output, Error>> = outputs.into_iter().map(output).collect();
        outputs.into_iter().collect()
    }
}

impl Output {
    /// A tensor's numbers in single precision, which those of half precision have exactly.
    pub fn numbers(&self) -> Result<Numbers, Error> {
        let is_half = matches!(self.0.dtype(), ValueType::Tensor { ty: TensorElementType::Float16, .. });
        let (shape, numbers) = if is_half {
            let (shape, numbers) = self.0.try_extract_tensor::<f16>()?;
            (shape, numbers.iter().map(|number| number.to_f32()).collect())
        } else {
            let (shape, numbers) = self.0.try_extract_tensor::<f32>()?;
            (shape, numbers.to_vec())
        };
        Ok(Numbers { shape: shape.iter().map(|&size| size as usize).collect(), numbers })
    }

    /// A tensor's strings, or its int64 numbers as they are written.
    pub fn names(&self) -> Result<Vec<String>, Error> {
        if matches!(self.0.dtype(), ValueType::Tensor { ty: TensorElementType::Int64, .. }) {
            let (_, numbers) = self.0.try_extract_tensor::<i64>()?;
            return Ok(numbers.iter().map(ToString::to_string).collect());
        }
        let (_, strings) = self.0.try_extract_strings()?;
        Ok(strings)
    }
}

/// The output of one of the given names, or the only one.
fn output_of<'a>(session: &'a Session, names: &[&str]) -> Result<&'a str, Error> {
    let outputs: Vec<&str> = session.outputs().iter().map(Outlet::name).collect();
    let wanted = names.iter().find_map(|name| outputs.iter().find(|output| *output == name));
    match (wanted, &outputs[..]) {
        (Some(output), _) | (None, [output]) => Ok(output),
        _ => Err(Error::new(format!("expected an output {}, found {}", names.join(" or "), outputs.join(", ")))),
    }
}

fn c_string(name: &str) -> CString {
    CString::new(name).expect("names of graph inputs and outputs come from C strings and hold no NUL")
}
