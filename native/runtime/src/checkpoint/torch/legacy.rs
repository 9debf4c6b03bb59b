//! The format that `torch.save` wrote before PyTorch 1.6.
//!
//! Five pickles (a magic number, the version, facts about the machine, the object, the keys of the
//! storages in order), then for each key its number of elements as `i64` and the elements themselves.

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::{
    fault::{Fault, quote},
    pickle::{self, Heap, Input, Value},
    source::{Region, Source},
    state::{Checkpoint, size_of_dtype},
};

/// How the file starts: a pickle of protocol 2 or newer.
pub const FIRST_BYTE: u8 = 0x80;
/// `MAGIC_NUMBER` and `PROTOCOL_VERSION` in `torch/serialization.py`.
const MAGIC: Value = Value::Int(0x1950_a86a_20f9_469c_fc6c);
const VERSION: Value = Value::Int(1001);
/// The number of elements before a storage's data.
const COUNT: u64 = 8;

pub fn read(source: &Source) -> Result<Checkpoint, Fault> {
    let mut input = Input::new(source, Region { offset: 0, length: source.length() });
    let (_, magic) = pickle::load(&mut input)?;
    if magic != MAGIC {
        return Err(Fault::invalid("the magic number of torch.save", "another pickle"));
    }
    let (_, version) = pickle::load(&mut input)?;
    if version != VERSION {
        return Err(Fault::invalid("version 1001 of the format before PyTorch 1.6", format!("{version:?}")));
    }
    let (system, facts) = pickle::load(&mut input)?;
    if system.entry(facts, "little_endian") != Some(Value::Bool(true)) {
        return Err(Fault::invalid("little-endian data", "another byte order"));
    }
    let (heap, root) = pickle::load(&mut input)?;
    let (names, keys) = pickle::load(&mut input)?;
    let keys = names.as_sequence(keys).ok_or_else(|| Fault::refused("no list of storages"))?;
    let keys = keys.iter().map(|&key| names.as_text(key)).collect::<Option<Vec<_>>>();
    let keys = keys.ok_or_else(|| Fault::refused("a storage without a name"))?;

    let found = storages(source, input.position(), &heap, &keys)?;
    let regions = heap.storages.iter().map(|storage| {
        let key = heap.key(storage);
        found.get(key).copied().ok_or_else(|| Fault::invalid(format!("data for the storage {}", quote(key)), "none"))
    });
    let regions = regions.collect::<Result<_, _>>()?;
    Ok(Checkpoint { heap, root, regions })
}

/// Where each storage's data lies; `offset` is where the first begins.
fn storages<'k>(
    source: &Source,
    mut offset: u64,
    heap: &Heap,
    keys: &[&'k str],
) -> Result<BTreeMap<&'k str, Region>, Fault> {
    // The count is in elements of the type that the storage is first used with.
    let mut dtypes: BTreeMap<&str, Dtype> = BTreeMap::new();
    for storage in &heap.storages {
        dtypes.entry(heap.key(storage)).or_insert(storage.dtype);
    }
    let mut found = BTreeMap::new();
    for &key in keys {
        let &dtype = dtypes.get(key).ok_or_else(|| Fault::invalid("storages that tensors use", quote(key)))?;
        let elements = source.array(offset)?.and_then(|count| u64::try_from(i64::from_le_bytes(count)).ok());
        let length = elements.and_then(|elements| elements.checked_mul(size_of_dtype(dtype)));
        let region = length.map(|length| Region { offset: offset + COUNT, length });
        let region = region.filter(|&region| source.holds(region));
        let region = region.ok_or_else(|| {
            Fault::invalid(format!("all data of the storage {}", quote(key)), "a part of it; the file may be cut off")
        })?;
        offset = region.offset + region.length;
        found.insert(key, region);
    }
    Ok(found)
}
