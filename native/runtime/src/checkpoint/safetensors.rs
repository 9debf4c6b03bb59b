//! Safetensors files: headers into a [`WeightIndex`], contents mapped into memory.
//!
//! A file's tensors are read where they lie.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use chorus_core::weights::{Dtype, Place, Tensor, WeightIndex};
use memmap2::{Mmap, UncheckedAdvice};
use safetensors::SafeTensors;

use super::{PICKLED, PICKLED_SHARDS, map};
use crate::error::LoadError;

/// One file with all weights.
pub const SINGLE: &str = "model.safetensors";
/// The map from tensor to file of a checkpoint in several files.
pub const SHARDS: &str = "model.safetensors.index.json";
/// A safetensors file starts with the length of its header, a `u64`.
const LENGTH_PREFIX: usize = 8;

/// Whether `directory` has weights in this format.
pub fn are_in(directory: &Path) -> bool {
    [SINGLE, SHARDS].iter().any(|name| directory.join(name).is_file())
}

/// The mapped weight files of a checkpoint, by file name.
pub struct WeightFiles {
    pub index: WeightIndex,
    files: BTreeMap<String, Mmap>,
}

impl WeightFiles {
    /// Maps and indexes `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
    pub fn open(directory: &Path) -> Result<Self, LoadError> {
        let mut weights = Self { index: WeightIndex::default(), files: BTreeMap::new() };
        if directory.join(SINGLE).is_file() {
            weights.add(directory, SINGLE)?;
        } else if directory.join(SHARDS).is_file() {
            for file in shard_names(&directory.join(SHARDS))? {
                weights.add(directory, &file)?;
            }
        } else {
            return Err(LoadError::missing(directory, format!("{SINGLE}, {SHARDS}, {PICKLED} or {PICKLED_SHARDS}")));
        }
        Ok(weights)
    }

    /// The mapped bytes of `data`.
    pub fn bytes(&self, data: &Place) -> Option<&[u8]> {
        let start = usize::try_from(data.offset).ok()?;
        let end = start.checked_add(usize::try_from(data.length).ok()?)?;
        self.files.get(&data.file)?.get(start..end)
    }

    /// Lets the operating system take back the pages that were read; they come back when needed.
    pub fn release_pages(&self) {
        for file in self.files.values() {
            // SAFETY: the mapping is a read-only view of a file, so dropped pages are read again
            // unchanged. Failing to drop them costs memory only.
            let _ = unsafe { file.unchecked_advise(UncheckedAdvice::DontNeed) };
        }
    }

    fn add(&mut self, directory: &Path, name: &str) -> Result<(), LoadError> {
        let path = directory.join(name);
        let map = map(&path)?;
        let (header, metadata) = SafeTensors::read_metadata(&map)
            .map_err(|error| LoadError::invalid(&path, "a safetensors file", error.to_string()))?;
        for (tensor, info) in metadata.tensors() {
            let dtype = match info.dtype {
                safetensors::Dtype::BF16 => Dtype::Bf16,
                safetensors::Dtype::F16 => Dtype::F16,
                safetensors::Dtype::F32 => Dtype::F32,
                safetensors::Dtype::F64 => Dtype::F64,
                // Buffers such as `position_ids` (i64) are no parameters; the graph never asks for them.
                _ => continue,
            };
            let (start, end) = info.data_offsets;
            let data = Place {
                file: name.to_owned(),
                offset: (LENGTH_PREFIX + header + start) as u64,
                length: (end - start) as u64,
            };
            self.index.insert(tensor, Tensor { dtype, shape: info.shape.clone(), data });
        }
        self.files.insert(name.to_owned(), map);
        Ok(())
    }
}

/// File names in the index; each must be a plain name, so that no index can point outside its directory.
pub fn shard_names(path: &Path) -> Result<BTreeSet<String>, LoadError> {
    let index = super::read_json(path)?;
    let map = index
        .get("weight_map")
        .and_then(serde_json::Value::as_object)
        .ok_or_else(|| LoadError::invalid(path, "an object `weight_map` from tensor to file", "none".to_owned()))?;
    map.values()
        .map(|name| match name.as_str() {
            Some(name) if Path::new(name).file_name().is_some_and(|file| file == name) => Ok(name.to_owned()),
            _ => Err(LoadError::invalid(path, "plain file names in `weight_map`", name.to_string())),
        })
        .collect()
}
