//! cuBLASLt's descriptors, each owned by who made it.

use cudarc::cublaslt::{
    result,
    sys::{
        cublasComputeType_t, cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t as Attribute,
        cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t as Preference, cublasLtMatrixLayout_t,
        cudaDataType,
    },
};

use crate::{element::Element, error::CudaError};

/// `CUBLAS_OP_T`
const TRANSPOSED: i32 = 1;

/// What a product does beside its sizes. cuBLASLt counts in columns: a row-major matrix is its transpose there,
/// so the weights come first, transposed. It adds up in `f32`, and in no shorter format.
pub struct Description(pub cublasLtMatmulDesc_t);

impl Description {
    pub fn new() -> Result<Self, CudaError> {
        let single = (cublasComputeType_t::CUBLAS_COMPUTE_32F, cudaDataType::CUDA_R_32F);
        let new = Self(result::create_matmul_desc(single.0, single.1)?);
        new.set(Attribute::CUBLASLT_MATMUL_DESC_TRANSA, &TRANSPOSED)?;
        Ok(new)
    }

    /// `value` must be of the attribute's type.
    pub fn set<V>(&self, attribute: Attribute, value: &V) -> Result<(), CudaError> {
        // SAFETY: the value is of the attribute's type, as callers see to; it is copied.
        let set = unsafe {
            result::set_matmul_desc_attribute(self.0, attribute, std::ptr::from_ref(value).cast(), size_of::<V>())
        };
        Ok(set?)
    }
}

/// A matrix whose columns, as cuBLASLt counts, lie close together: the rows of ours.
pub struct Layout {
    pub handle: cublasLtMatrixLayout_t,
    pub columns: usize,
}

impl Layout {
    pub fn new<T: Element>(rows: usize, columns: usize) -> Result<Self, CudaError> {
        let handle = result::create_matrix_layout(T::TYPE, rows as u64, columns as u64, rows as i64)?;
        Ok(Self { handle, columns })
    }
}

/// What is wished of an algorithm.
pub struct Wishes(pub cublasLtMatmulPreference_t);

impl Wishes {
    /// No workspace, and no scheme that adds parts of a sum up at the end: how a row's sum is split would depend
    /// on how many rows there are.
    pub fn undivided() -> Result<Self, CudaError> {
        let new = Self(result::create_matmul_pref()?);
        new.set(Preference::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &0_usize)?;
        new.set(Preference::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &0_u32)?;
        Ok(new)
    }

    fn set<V>(&self, preference: Preference, value: &V) -> Result<(), CudaError> {
        // SAFETY: the value is of the preference's type, as the caller sees to; it is copied.
        let set = unsafe {
            result::set_matmul_pref_attribute(self.0, preference, std::ptr::from_ref(value).cast(), size_of::<V>())
        };
        Ok(set?)
    }
}

macro_rules! owned {
    ($type:ident, $handle:tt, $destroy:ident) => {
        // SAFETY: cuBLASLt reads its descriptors from any thread; nothing writes them once they are set up.
        unsafe impl Send for $type {}
        // SAFETY: as above.
        unsafe impl Sync for $type {}

        impl Drop for $type {
            fn drop(&mut self) {
                // SAFETY: made by cuBLASLt and used by nobody any more; a failure leaves nothing to do.
                let _ = unsafe { result::$destroy(self.$handle) };
            }
        }
    };
}

owned!(Description, 0, destroy_matmul_desc);
owned!(Layout, handle, destroy_matrix_layout);
owned!(Wishes, 0, destroy_matmul_pref);
