//! The types of numbers that activations and weights have on a device.

use cudarc::{
    cublaslt::sys::cudaDataType,
    driver::{DeviceRepr, ValidAsZeroBits},
};
use half::{f16, slice::HalfFloatSliceExt};

use crate::device::{Device, Kernels};

/// `f16` or `f32`. Products add up in `f32` in either.
pub trait Element: DeviceRepr + ValidAsZeroBits + Copy + Default + PartialEq + Send + Sync + Sized + 'static {
    /// As cuBLASLt calls it.
    #[doc(hidden)]
    const TYPE: cudaDataType;

    /// As the kernels' names end.
    #[doc(hidden)]
    const SUFFIX: &'static str;

    /// Whether the fastest algorithm for a product is looked for, beyond cuBLASLt's first choice.
    #[doc(hidden)]
    const TIMED: bool;

    /// The device's kernels for this type.
    #[doc(hidden)]
    fn kernels(device: &Device) -> &Kernels;

    /// The nearest numbers of this type.
    fn rounded(numbers: &[f32]) -> Vec<Self>;
}

impl Element for f16 {
    const TYPE: cudaDataType = cudaDataType::CUDA_R_16F;
    const SUFFIX: &'static str = "f16";
    const TIMED: bool = true;

    fn kernels(device: &Device) -> &Kernels {
        &device.half
    }

    fn rounded(numbers: &[f32]) -> Vec<Self> {
        let mut rounded = vec![Self::ZERO; numbers.len()];
        rounded.convert_from_f32_slice(numbers);
        rounded
    }
}

impl Element for f32 {
    const TYPE: cudaDataType = cudaDataType::CUDA_R_32F;
    const SUFFIX: &'static str = "f32";
    /// What it is for is to compare with; trying out would take seconds.
    const TIMED: bool = false;

    fn kernels(device: &Device) -> &Kernels {
        &device.single
    }

    fn rounded(numbers: &[f32]) -> Vec<Self> {
        numbers.to_vec()
    }
}
