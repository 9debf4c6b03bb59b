//! Where sessions run.

use ort::ep::{CUDA, ExecutionProviderDispatch};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

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
    pub(super) fn registration(self, captures: bool) -> Option<ExecutionProviderDispatch> {
        let Self::Cuda { device } = self else { return None };
        let cuda = CUDA::default()
            .with_device_id(device)
            // TensorFloat-32 has half precision's mantissa; f32 means f32 here.
            .with_tf32(false)
            // Layer norms sum in f32, whatever their inputs are.
            .with_skip_layer_norm_strict_mode(true)
            .with_cuda_graph(captures);
        Some(cuda.build().error_on_failure())
    }
}

/// Held for reading by whoever calls CUDA, and for writing while a CUDA graph is captured: ONNX Runtime
/// captures in the global mode, in which an allocation of any other thread spoils the capture.
static CAPTURE: RwLock<()> = RwLock::new(());

/// Keeps captures away while it is held; nothing on a CPU. No thread may hold two: a capture that waits
/// lets no new one in, or it would wait for ever.
pub(super) fn without_capture(provider: Provider) -> Option<RwLockReadGuard<'static, ()>> {
    (provider != Provider::Cpu).then(|| CAPTURE.read())
}

/// Keeps everybody else away from CUDA while it is held.
pub(super) fn capture() -> RwLockWriteGuard<'static, ()> {
    CAPTURE.write()
}
