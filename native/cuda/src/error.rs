//! What can go wrong on a device.

use cudarc::{cublaslt::result::CublasError, driver::DriverError};
use thiserror::Error;

#[derive(Clone, Debug, Error)]
pub enum CudaError {
    /// A library that must be installed is not.
    #[error("{0}")]
    Absent(String),
    #[error("the CUDA driver answers {:?}", .0.0)]
    Driver(DriverError),
    #[error("cuBLASLt answers {:?}", .0.0)]
    Product(CublasError),
    /// The card or a size is not one that the kernels are made for.
    #[error("{0}")]
    Unsupported(String),
}

impl From<DriverError> for CudaError {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

impl From<CublasError> for CudaError {
    fn from(error: CublasError) -> Self {
        Self::Product(error)
    }
}
