//! Products of rows with weights, by cuBLASLt.

use std::ffi::c_void;

use cudarc::{
    cublaslt::{
        result,
        sys::{cublasLtEpilogue_t, cublasLtMatmulAlgo_t, cublasLtMatmulDescAttributes_t as Attribute},
    },
    driver::{DevicePtr, DevicePtrMut},
};

use crate::{
    descriptors::{Description, Layout},
    device::Queue,
    element::Element,
    error::CudaError,
    memory::{Buffer, Parameters},
    plans::Size,
};

/// Products are planned for so many rows more at a time, so that there are few plans; buffers have room for them.
pub(crate) const ROWS: usize = 64;

/// The rows that a product of `rows` rows reads and writes.
pub fn padded_rows(rows: usize) -> usize {
    rows.next_multiple_of(ROWS)
}

/// `output = input · Wᵀ (+ bias)`
pub struct Linear<T> {
    weights: Parameters<T>,
    /// Kept alive for `description`, which points to it.
    bias: Option<Parameters<T>>,
    inputs: usize,
    outputs: usize,
    pub(crate) description: Description,
    pub(crate) weights_layout: Layout,
}

impl<T: Element> Linear<T> {
    /// Copies `weights`, row-major `[outputs, inputs]`, and `bias` to the device.
    ///
    /// # Panics
    /// If their lengths do not fit each other.
    pub fn upload(queue: &Queue, weights: &[f32], bias: Option<&[f32]>, inputs: usize) -> Result<Self, CudaError> {
        let outputs = weights.len() / inputs;
        assert_eq!(weights.len(), outputs * inputs, "weights are a matrix");
        assert!(bias.is_none_or(|bias| bias.len() == outputs), "a bias for every output");
        let bias = bias.map(|bias| Parameters::upload(queue, bias)).transpose()?;
        let description = Description::new()?;
        if let Some(Parameters(bias)) = &bias {
            let (address, _guard) = bias.device_ptr(&queue.stream);
            description.set(Attribute::CUBLASLT_MATMUL_DESC_EPILOGUE, &cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS)?;
            description.set(Attribute::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &address)?;
        }
        let weights = Parameters::upload(queue, weights)?;
        let weights_layout = Layout::new::<T>(inputs, outputs)?;
        Ok(Self { weights, bias, inputs, outputs, description, weights_layout })
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Multiplies the first `rows` rows of `input` into those of `output`. Both have room for
    /// [`padded_rows`] of them, and what is in the last ones is overwritten.
    ///
    /// The first product of a size finds out how it is computed best, which takes some milliseconds.
    ///
    /// # Panics
    /// If they do not.
    pub fn run(&self, queue: &Queue, input: &Buffer<T>, rows: usize, output: &mut Buffer<T>) -> Result<(), CudaError> {
        let plans = &queue.device.plans;
        let size = self.size(padded_rows(rows));
        let plan = match plans.get(&size) {
            Some(plan) => plan,
            None => plans.make(self, queue, size, input, output)?,
        };
        self.run_with(queue, &plan.input, input, &plan.output, output, &plan.algorithm)
    }

    pub(crate) fn size(&self, rows: usize) -> Size {
        let &Self { inputs, outputs, .. } = self;
        Size { rows, inputs, outputs, biased: self.bias.is_some(), element: T::SUFFIX }
    }

    /// Multiplies the rows that the layouts name in the way that `algorithm` says.
    pub(crate) fn run_with(
        &self,
        queue: &Queue,
        input_layout: &Layout,
        input: &Buffer<T>,
        output_layout: &Layout,
        output: &mut Buffer<T>,
        algorithm: &cublasLtMatmulAlgo_t,
    ) -> Result<(), CudaError> {
        let input = input.view(input_layout.columns * self.inputs);
        let mut output = output.view_mut(output_layout.columns * self.outputs);
        let (weights, _weights) = self.weights.0.device_ptr(&queue.stream);
        let (from, _from) = input.device_ptr(&queue.stream);
        let (to, _to) = output.device_ptr_mut(&queue.stream);
        let (one, zero) = (1.0_f32, 0.0_f32);
        // SAFETY: the layouts describe memory of at least these sizes, which the views have checked; the
        // algorithm was made for this product; scalars are read before the call returns. It has no workspace.
        unsafe {
            result::matmul(
                queue.device.plans.handle(),
                self.description.0,
                (&raw const one).cast(),
                (&raw const zero).cast(),
                weights as *const c_void,
                self.weights_layout.handle,
                from as *const c_void,
                input_layout.handle,
                to as *const c_void,
                output_layout.handle,
                to as *mut c_void,
                output_layout.handle,
                std::ptr::from_ref(algorithm),
                std::ptr::null_mut(),
                0,
                queue.stream.cu_stream().cast(),
            )?;
        }
        Ok(())
    }
}
