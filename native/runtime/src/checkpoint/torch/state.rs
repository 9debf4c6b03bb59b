//! The tensors of a checkpoint, and where their elements lie in the file.

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::{
    fault::{Fault, quote},
    pickle::{Heap, Tensor, Value},
    source::Region,
};

/// Training scripts put the weights next to the optimizer's state under this name.
const WRAPPER: &str = "state_dict";

/// A container that was read: the object in it, and a region of the file for each of its storages.
pub struct Checkpoint {
    pub heap: Heap,
    pub root: Value,
    pub regions: Vec<Region>,
}

/// One tensor, checked: every element lies within its storage, and that within the file.
#[derive(Debug)]
pub struct View<'a> {
    pub name: &'a str,
    pub dtype: Dtype,
    pub shape: &'a [u64],
    /// In elements.
    pub strides: &'a [u64],
    /// Where the first element lies in the file.
    pub offset: u64,
    /// How long the tensor is, in bytes.
    pub length: u64,
}

impl Checkpoint {
    /// All tensors of the state dict. Other values in it, such as a step count, are passed over.
    pub fn views(&self) -> Result<Vec<View<'_>>, Fault> {
        let Self { heap, root, .. } = self;
        let wrapped = heap.entry(*root, WRAPPER).filter(|&value| heap.as_dict(value).is_some());
        let entries = heap.as_dict(wrapped.unwrap_or(*root)).ok_or_else(|| Fault::refused("another object"))?;
        let mut tensors = BTreeMap::new();
        for &(key, value) in entries {
            let Value::Tensor(id) = value else { continue };
            let name = heap.as_text(key).ok_or_else(|| Fault::refused("a tensor whose name is no text"))?;
            tensors.insert(name, &heap.tensors[id]);
        }
        if tensors.is_empty() {
            return Err(Fault::invalid("a state dict of tensors", "a dict without any"));
        }
        tensors.into_iter().map(|(name, tensor)| self.view(name, tensor)).collect()
    }

    fn view<'a>(&'a self, name: &'a str, tensor: &'a Tensor) -> Result<View<'a>, Fault> {
        let storage = &self.heap.storages[tensor.storage];
        let Region { offset, length } = self.regions[tensor.storage];
        let size = size_of_dtype(storage.dtype);
        if storage.elements.checked_mul(size) != Some(length) {
            let expected = format!("{} elements of {size} bytes for the tensor {}", storage.elements, quote(name));
            return Err(Fault::invalid(expected, format!("{length} bytes")));
        }
        let outside = || {
            let expected = format!("the tensor {} within its storage of {} elements", quote(name), storage.elements);
            Fault::invalid(expected, "a part of it outside")
        };
        let part = storage.start.checked_add(storage.length).filter(|&end| end <= storage.elements);
        part.ok_or_else(outside)?;
        let elements = elements(tensor).ok_or_else(outside)?;
        if elements > 0 {
            // The product of the sizes fits, so no size is 0 and the last index of each is `size - 1`.
            last(tensor).filter(|&last| last < storage.length).ok_or_else(outside)?;
        }
        let first = if elements > 0 { storage.start + tensor.offset } else { 0 };
        Ok(View {
            name,
            dtype: storage.dtype,
            shape: &tensor.shape,
            strides: &tensor.strides,
            offset: offset + first * size,
            length: elements.checked_mul(size).ok_or_else(outside)?,
        })
    }
}

impl View<'_> {
    /// The size of one element, in bytes.
    pub fn item(&self) -> u64 {
        size_of_dtype(self.dtype)
    }
}

fn elements(tensor: &Tensor) -> Option<u64> {
    // `[2^40, 2^40, 0]` is a tensor without elements.
    if tensor.shape.contains(&0) {
        return Some(0);
    }
    tensor.shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size))
}

/// The largest position in the storage, in elements.
fn last(tensor: &Tensor) -> Option<u64> {
    tensor
        .shape
        .iter()
        .zip(&tensor.strides)
        .try_fold(tensor.offset, |last, (&size, &stride)| last.checked_add(size.checked_sub(1)?.checked_mul(stride)?))
}

/// In bytes. All types here have whole ones.
pub fn size_of_dtype(dtype: Dtype) -> u64 {
    dtype.bitsize() as u64 / 8
}
