//! The globals a pickle may name, and what calling them does.
//!
//! This list is the whole of what a file can reach. A name that is not on it ends the conversion.

use std::mem;

use safetensors::Dtype;

use super::value::{Function, Heap, Storage, Tensor, Value, natural};
use crate::checkpoint::torch::fault::{Fault, quote};

/// `torch` itself has no tensor of more dimensions.
const MOST_DIMENSIONS: usize = 64;
/// An encoder has some hundreds.
const MOST_TENSORS: usize = 1 << 16;

/// Looks up `module.name`.
pub fn global(module: &str, name: &str) -> Result<Value, Fault> {
    let function = match (module, name) {
        ("collections", "OrderedDict") => Function::OrderedDict,
        ("torch", "Size") => Function::Size,
        ("torch._utils", "_rebuild_parameter") => Function::RebuildParameter,
        ("torch._utils", "_rebuild_parameter_with_state") => Function::RebuildParameterWithState,
        ("torch._utils", "_rebuild_tensor_v2") => Function::RebuildTensor,
        _ => {
            return storage_dtype(module, name)
                .map(Value::StorageType)
                .ok_or_else(|| Fault::refused(format!("the global {}", quote(&format!("{module}.{name}")))));
        }
    };
    Ok(Value::Function(function))
}

fn storage_dtype(module: &str, name: &str) -> Option<Dtype> {
    Some(match (module, name) {
        ("torch", "BFloat16Storage") => Dtype::BF16,
        ("torch", "BoolStorage") => Dtype::BOOL,
        ("torch", "ByteStorage") | ("torch" | "torch.storage", "UntypedStorage") => Dtype::U8,
        ("torch", "CharStorage") => Dtype::I8,
        ("torch", "DoubleStorage") => Dtype::F64,
        ("torch", "FloatStorage") => Dtype::F32,
        ("torch", "HalfStorage") => Dtype::F16,
        ("torch", "IntStorage") => Dtype::I32,
        ("torch", "LongStorage") => Dtype::I64,
        ("torch", "ShortStorage") => Dtype::I16,
        _ => return None,
    })
}

/// What `function(*arguments)` returns.
pub fn call(heap: &mut Heap, function: Value, arguments: Value) -> Result<Value, Fault> {
    let Value::Function(function) = function else {
        return Err(Fault::refused("a call of something that is no function"));
    };
    let arguments = heap.as_tuple(arguments).ok_or_else(|| Fault::refused("a call without arguments"))?;
    match (function, arguments) {
        (Function::OrderedDict, []) => Ok(heap.dict(Vec::new())),
        // Python 2 hands over the items.
        (Function::OrderedDict, &[Value::List(items)]) => {
            let items = pairs(heap, items).ok_or_else(|| malformed("OrderedDict"))?;
            Ok(heap.dict(items))
        }
        (Function::RebuildParameter, &[tensor @ Value::Tensor(_), _, _])
        | (Function::RebuildParameterWithState, &[tensor @ Value::Tensor(_), _, _, _]) => Ok(tensor),
        (Function::RebuildTensor, &[storage, offset, shape, strides, _, _]) => {
            rebuild_tensor(heap, storage, offset, shape, strides)
        }
        (Function::RebuildTensor, &[storage, offset, shape, strides, _, _, metadata]) => {
            // A flag such as `neg` would mean that the stored values are not the tensor's.
            if heap.as_dict(metadata).is_some_and(|flags| !flags.is_empty()) {
                return Err(Fault::refused("a tensor with metadata"));
            }
            rebuild_tensor(heap, storage, offset, shape, strides)
        }
        (Function::Size, &[Value::List(sizes) | Value::Tuple(sizes)]) => Ok(Value::Tuple(sizes)),
        _ => Err(malformed(&format!("{function:?}"))),
    }
}

fn rebuild_tensor(
    heap: &mut Heap,
    storage: Value,
    offset: Value,
    shape: Value,
    strides: Value,
) -> Result<Value, Fault> {
    if heap.tensors.len() == MOST_TENSORS {
        return Err(Fault::invalid(format!("at most {MOST_TENSORS} tensors"), "more"));
    }
    let tensor = tensor(heap, storage, offset, shape, strides).ok_or_else(|| malformed("tensor"))?;
    Ok(heap.tensor(tensor))
}

fn tensor(heap: &Heap, storage: Value, offset: Value, shape: Value, strides: Value) -> Option<Tensor> {
    let Value::Storage(storage) = storage else { return None };
    let (shape, strides) = (naturals(heap, shape)?, naturals(heap, strides)?);
    (shape.len() == strides.len()).then_some(Tensor { storage, offset: natural(offset)?, shape, strides })
}

fn naturals(heap: &Heap, values: Value) -> Option<Vec<u64>> {
    let values = heap.as_sequence(values).filter(|values| values.len() <= MOST_DIMENSIONS)?;
    values.iter().map(|&value| natural(value)).collect()
}

/// Takes the pairs out of a list, which was made for this one call.
fn pairs(heap: &mut Heap, list: usize) -> Option<Vec<(Value, Value)>> {
    let items = mem::take(heap.sequences.get_mut(list)?);
    let pair = |item: Value| match heap.as_sequence(item) {
        Some(&[key, value]) => Some((key, value)),
        _ => None,
    };
    items.into_iter().map(pair).collect()
}

/// The storage a persistent id stands for: `("storage", type, key, device, elements)`, with a sixth
/// item in the legacy format, None or `(key of the view, start, length)`.
pub fn persistent(heap: &mut Heap, id: Value) -> Result<Value, Fault> {
    let storage = storage(heap, id).ok_or_else(|| malformed("storage"))?;
    Ok(heap.storage(storage))
}

fn storage(heap: &Heap, id: Value) -> Option<Storage> {
    let (&[kind, dtype, key, _device, elements], view) = heap.as_tuple(id)?.split_first_chunk()?;
    let (Some("storage"), Value::StorageType(dtype), Value::Text(key)) = (heap.as_text(kind), dtype, key) else {
        return None;
    };
    let elements = natural(elements)?;
    let (start, length) = match *view {
        [] | [Value::None] => (0, elements),
        [view] => match *heap.as_tuple(view)? {
            [_, start, length] => (natural(start)?, natural(length)?),
            _ => return None,
        },
        _ => return None,
    };
    Some(Storage { key, dtype, elements, start, length })
}

fn malformed(what: &str) -> Fault {
    Fault::refused(format!("a malformed {what}"))
}
