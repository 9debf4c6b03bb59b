//! Where sessions run.

use ort::ep::{CUDA, ExecutionProviderDispatch};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    Cpu,
    /// The GPU of this number, as CUDA counts those that it may see.
    Cuda {
        device: i32,
    },
}

impl Provider {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda { .. } => "cuda",
        }
    }

    /// What a CUDA session is built with; it fails where CUDA does not start, instead of running on the CPU.
    pub(super) fn registration(self) -> Option<ExecutionProviderDispatch> {
        let Self::Cuda { device } = self else { return None };
        // TensorFloat-32 has half precision's mantissa; f32 means f32 here.
        let cuda = CUDA::default().with_device_id(device).with_tf32(false);
        Some(cuda.build().error_on_failure())
    }
}
