//! A GPU with the kernels loaded, and queues of work for it.

use std::{panic, sync::Arc};

use cudarc::{
    cublaslt,
    driver::{CudaContext, CudaFunction, CudaModule, CudaStream, sys::CUfunction_attribute},
    nvrtc::Ptx,
};
use half::f16;

use crate::{
    element::Element,
    error::CudaError,
    operators::{
        HEADS, LARGEST_HEAD, LARGEST_ROW, ROW_STEPS, dense_memory, half_attention_memory, single_attention_memory,
    },
    plans::Plans,
};

/// Kernels by the oldest compute capability that runs them, newest first.
const IMAGES: [((i32, i32), &str); 2] =
    [((8, 0), include_str!("../kernels_sm80.ptx")), ((7, 5), include_str!("../kernels_sm75.ptx"))];

/// A GPU that has been opened. Cheap to share; any thread may use it.
pub struct Device {
    pub(crate) context: Arc<CudaContext>,
    pub(crate) half: Kernels,
    pub(crate) single: Kernels,
    pub(crate) plans: Plans,
    /// Ampere or newer: copies to shared memory in the background.
    pub(crate) modern: bool,
}

/// The kernels of one element type.
#[doc(hidden)]
pub struct Kernels {
    pub(crate) activate: CudaFunction,
    /// By the size of a head: the next one that is large enough; a single one in `f32`.
    pub(crate) attention: Vec<CudaFunction>,
    /// By the length of a row: the first of [`ROW_STEPS`] that is long enough.
    pub(crate) add_norm: Vec<CudaFunction>,
    pub(crate) dense: CudaFunction,
    pub(crate) embed_norm: Vec<CudaFunction>,
    pub(crate) gather: CudaFunction,
    pub(crate) gather_wide: CudaFunction,
    pub(crate) mean: CudaFunction,
}

impl Device {
    /// Opens the GPU that CUDA counts as `ordinal`.
    pub fn open(ordinal: usize) -> Result<Arc<Self>, CudaError> {
        require_libraries()?;
        let count = CudaContext::device_count().map_err(|error| {
            CudaError::Absent(format!("no NVIDIA GPU can be used: the CUDA driver answers {:?}", error.0))
        })?;
        if ordinal >= count as usize {
            return Err(CudaError::Absent(format!("there is no GPU {ordinal}; CUDA sees {count}")));
        }
        let context = CudaContext::new(ordinal)?;
        // A lane that waits for the device leaves its core to others.
        context.set_blocking_synchronize()?;
        // SAFETY: all memory is written and read on one queue, or synchronized before another one sees it.
        unsafe { context.disable_event_tracking() };
        let (capability, image) = image(context.compute_capability()?)?;
        let module = context.load_module(Ptx::from_src(image))?;
        let modern = capability >= (8, 0);
        let load_half = |kernel| {
            load_with(&module, &format!("attention_f16_{}", HEADS[kernel]), half_attention_memory(kernel, modern))
        };
        let single = load_with(&module, "attention_f32", single_attention_memory(LARGEST_HEAD))?;
        Ok(Arc::new(Self {
            half: Kernels::load::<f16>(&module, (0..HEADS.len()).map(load_half).collect::<Result<_, _>>()?)?,
            single: Kernels::load::<f32>(&module, vec![single])?,
            modern,
            plans: Plans::new()?,
            context,
        }))
    }

    /// As its maker calls it, such as `NVIDIA H200`.
    pub fn name(&self) -> String {
        self.context.name().unwrap_or_default()
    }

    /// Which GPU, as CUDA counts.
    pub fn ordinal(&self) -> usize {
        self.context.ordinal()
    }

    /// A new queue; what is put into several may run at the same time.
    pub fn queue(self: &Arc<Self>) -> Result<Queue, CudaError> {
        Ok(Queue { stream: self.context.new_stream()?, device: Arc::clone(self) })
    }
}

/// Work for a device, done in the order in which it is put in.
pub struct Queue {
    pub(crate) device: Arc<Device>,
    pub(crate) stream: Arc<CudaStream>,
}

impl Queue {
    /// Waits until everything that was put in is done, and reports what failed of it.
    pub fn wait(&self) -> Result<(), CudaError> {
        Ok(self.stream.synchronize()?)
    }

    /// Makes the device known to the calling thread, once per thread and batch.
    pub fn enter(&self) -> Result<(), CudaError> {
        Ok(self.device.context.bind_to_thread()?)
    }
}

impl Kernels {
    fn load<T: Element>(module: &Arc<CudaModule>, attention: Vec<CudaFunction>) -> Result<Self, CudaError> {
        let load = |name: &str| module.load_function(&format!("{name}_{}", T::SUFFIX));
        let by_row = |name: &str| {
            let names = ROW_STEPS.iter().map(|steps| format!("{name}_{}_{steps}", T::SUFFIX));
            names.map(|name| module.load_function(&name)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            activate: load("activate")?,
            attention,
            add_norm: by_row("add_norm")?,
            dense: load_with(module, &format!("dense_{}", T::SUFFIX), dense_memory(LARGEST_ROW))?,
            embed_norm: by_row("embed_norm")?,
            gather: load("gather")?,
            gather_wide: load("gather_wide")?,
            mean: load("mean")?,
        })
    }
}

/// A kernel whose blocks may have up to `memory` bytes of shared memory, which is more than without asking.
fn load_with(module: &Arc<CudaModule>, name: &str, memory: usize) -> Result<CudaFunction, CudaError> {
    let kernel = module.load_function(name)?;
    let attribute = CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    kernel.set_attribute(attribute, memory as i32)?;
    Ok(kernel)
}

/// `cudarc` panics where a library is missing, so they are looked for first.
fn require_libraries() -> Result<(), CudaError> {
    // SAFETY: loading the driver or cuBLASLt runs their initializers, which is what opening a device is about.
    let (driver, products) = unsafe { (cudarc::driver::sys::is_culib_present(), cublaslt::sys::is_culib_present()) };
    if !driver {
        return Err(CudaError::Absent("the NVIDIA driver (libcuda.so.1) is not installed".to_owned()));
    }
    if !products {
        return Err(CudaError::Absent(
            "cuBLASLt (libcublasLt.so.12 or .13, of CUDA 12 or 13) is not where libraries are looked for; set \
             LD_LIBRARY_PATH to its folder"
                .to_owned(),
        ));
    }
    // A driver that is there and broken may lack a symbol, for which `cudarc` panics.
    panic::catch_unwind(cudarc::driver::result::init)
        .map_err(|_| CudaError::Absent("the NVIDIA driver lacks a function; is it too old?".to_owned()))?
        .map_err(|error| CudaError::Absent(format!("no NVIDIA GPU can be used: the driver answers {:?}", error.0)))
}

/// The newest kernels that a card of `capability` runs, and theirs.
fn image(capability: (i32, i32)) -> Result<((i32, i32), &'static str), CudaError> {
    let found = IMAGES.iter().find(|&&(oldest, _)| capability >= oldest);
    found.copied().ok_or_else(|| {
        let (major, minor) = capability;
        CudaError::Unsupported(format!("a GPU of compute capability {major}.{minor}; 7.5 (T4) or newer is needed"))
    })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_committed_kernels_are_those_of_the_source() {
        let digest = Sha256::digest(include_bytes!("../kernels.cu"));
        let expected = format!("// kernels.cu, sha256 {digest:x}");
        for (capability, image) in IMAGES {
            let first = image.lines().next().unwrap_or_default();
            assert_eq!(first, expected, "{capability:?}: run make cuda-kernels");
        }
    }

    #[test]
    fn a_card_gets_the_newest_kernels_that_it_runs() {
        let chosen = |capability| image(capability).map(|(oldest, _)| oldest).map_err(|error| error.to_string());
        assert_eq!(chosen((7, 5)).unwrap(), (7, 5));
        assert_eq!(chosen((8, 6)).unwrap(), (8, 0));
        assert_eq!(chosen((12, 0)).unwrap(), (8, 0));
        assert_eq!(chosen((7, 0)).unwrap_err(), "a GPU of compute capability 7.0; 7.5 (T4) or newer is needed");
    }

    #[test]
    fn every_kernel_is_in_every_image() {
        let half = HEADS.iter().map(|head| format!("attention_f16_{head}"));
        let mut names: Vec<String> = half.chain(["attention_f32".to_owned()]).collect();
        for element in [<f16 as Element>::SUFFIX, <f32 as Element>::SUFFIX] {
            for name in ["activate", "dense", "gather", "gather_wide", "mean"] {
                names.push(format!("{name}_{element}"));
            }
            for name in ["add_norm", "embed_norm"] {
                names.extend(ROW_STEPS.iter().map(|steps| format!("{name}_{element}_{steps}")));
            }
        }
        for (capability, image) in IMAGES {
            for name in &names {
                assert!(image.contains(&format!(".entry {name}(")), "{name} for {capability:?}");
            }
        }
    }
}
