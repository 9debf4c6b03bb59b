//! Tensors of a checkpoint to the device.

use std::{borrow::Cow, path::Path};

use chorus_core::weights::WeightError;
use chorus_cuda::{Dense, Element, Linear, Norm, Parameters, Queue};

use crate::{error::LoadError, model::tensors::Tensors};

/// Reads tensors and copies them.
pub struct Upload<'a> {
    pub tensors: &'a Tensors<'a>,
    pub queue: &'a Queue,
    /// For messages.
    pub directory: &'a Path,
}

impl Upload<'_> {
    pub fn numbers<T: Element>(&self, name: &str, shape: &[usize]) -> Result<Parameters<T>, LoadError> {
        self.copied(&self.read(|tensors| tensors.numbers(name, shape))?)
    }

    pub fn first_row(&self, name: &str, rows: usize, columns: usize) -> Result<Parameters<f32>, LoadError> {
        self.copied(&self.read(|tensors| tensors.first_row(name, rows, columns))?)
    }

    pub fn norm(&self, name: &str, size: usize, epsilon: f32) -> Result<Norm, LoadError> {
        let read = |part: &str| self.numbers(&format!("{name}.{part}"), &[size]);
        Ok(Norm { scale: read("weight")?, shift: read("bias")?, epsilon })
    }

    /// The layers `names`, all `[outputs, inputs]`, as one whose outputs stand side by side; it adds their biases.
    pub fn linear<T: Element>(&self, names: &[&str], [outputs, inputs]: [usize; 2]) -> Result<Linear<T>, LoadError> {
        let part = |part: &str| -> Vec<String> { names.iter().map(|name| format!("{name}.{part}")).collect() };
        let weights = self.read(|tensors| tensors.joined(part("weight"), &[outputs, inputs]))?;
        let bias = self.read(|tensors| tensors.joined(part("bias"), &[outputs]))?;
        Linear::upload(self.queue, &weights, Some(&bias), inputs).map_err(LoadError::Device)
    }

    /// The layer `name`, and its bias, which whoever reads the product adds.
    pub fn product<T: Element>(
        &self,
        name: &str,
        [outputs, inputs]: [usize; 2],
    ) -> Result<(Linear<T>, Parameters<f32>), LoadError> {
        let weights = self.read(|tensors| tensors.numbers(&format!("{name}.weight"), &[outputs, inputs]))?;
        let linear = Linear::upload(self.queue, &weights, None, inputs).map_err(LoadError::Device)?;
        Ok((linear, self.numbers(&format!("{name}.bias"), &[outputs])?))
    }

    /// A layer of a head, `[outputs, inputs]`.
    pub fn dense(&self, name: &str, [outputs, inputs]: [usize; 2]) -> Result<Dense, LoadError> {
        let read = |part: &str, shape: &[usize]| self.numbers(&format!("{name}.{part}"), shape);
        Ok(Dense { weights: read("weight", &[outputs, inputs])?, bias: read("bias", &[outputs])? })
    }

    fn copied<T: Element>(&self, numbers: &[f32]) -> Result<Parameters<T>, LoadError> {
        Parameters::upload(self.queue, numbers).map_err(LoadError::Device)
    }

    fn read<'t, R: Into<Cow<'t, [f32]>>>(
        &'t self,
        read: impl FnOnce(&'t Tensors<'t>) -> Result<R, WeightError>,
    ) -> Result<Cow<'t, [f32]>, LoadError> {
        let numbers =
            read(self.tensors).map_err(|source| LoadError::Weights { directory: self.directory.to_owned(), source })?;
        Ok(numbers.into())
    }
}
