//! What a pickle builds.
//!
//! Objects lie in one [`Heap`] and refer to each other by number. So a value nested a million deep, or
//! one that contains itself, is dropped without recursion. What is referred to many times is held
//! once: no instruction copies an object, or a short pickle could fill the memory.

use safetensors::Dtype;

/// Anything on the machine's stack. Numbers index the heap's table of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    Bool(bool),
    Dict(usize),
    Function(Function),
    /// Wide enough for the legacy format's magic number, of 80 bits.
    Int(i128),
    List(usize),
    None,
    /// Harmless and of no use here: a float, bytes, an enormous integer.
    Other,
    Storage(usize),
    StorageType(Dtype),
    Tensor(usize),
    Text(usize),
    Tuple(usize),
}

/// The functions a pickle may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    OrderedDict,
    RebuildParameter,
    RebuildParameterWithState,
    RebuildTensor,
    Size,
}

/// A run of elements outside the pickle.
#[derive(Debug)]
pub struct Storage {
    /// A text.
    pub key: usize,
    pub dtype: Dtype,
    /// Of the whole storage under this key.
    pub elements: u64,
    /// Where the part that tensors count from begins, in elements; 0 but for the legacy format's views.
    pub start: u64,
    /// How long that part is, in elements.
    pub length: u64,
}

/// A view of a storage as `torch` describes it: all in elements. Nothing of it is checked yet.
#[derive(Debug)]
pub struct Tensor {
    pub storage: usize,
    pub offset: u64,
    pub shape: Vec<u64>,
    pub strides: Vec<u64>,
}

#[derive(Debug, Default)]
pub struct Heap {
    pub dicts: Vec<Vec<(Value, Value)>>,
    /// Lists and tuples.
    pub sequences: Vec<Vec<Value>>,
    pub storages: Vec<Storage>,
    pub tensors: Vec<Tensor>,
    pub texts: Vec<String>,
}

impl Heap {
    pub fn dict(&mut self, items: Vec<(Value, Value)>) -> Value {
        self.dicts.push(items);
        Value::Dict(self.dicts.len() - 1)
    }

    pub fn list(&mut self, items: Vec<Value>) -> Value {
        self.sequences.push(items);
        Value::List(self.sequences.len() - 1)
    }

    pub fn storage(&mut self, storage: Storage) -> Value {
        self.storages.push(storage);
        Value::Storage(self.storages.len() - 1)
    }

    pub fn tensor(&mut self, tensor: Tensor) -> Value {
        self.tensors.push(tensor);
        Value::Tensor(self.tensors.len() - 1)
    }

    pub fn text(&mut self, text: String) -> Value {
        self.texts.push(text);
        Value::Text(self.texts.len() - 1)
    }

    pub fn tuple(&mut self, items: Vec<Value>) -> Value {
        self.sequences.push(items);
        Value::Tuple(self.sequences.len() - 1)
    }

    /// The name of the storage's data in the container.
    pub fn key(&self, storage: &Storage) -> &str {
        self.texts.get(storage.key).map_or("", String::as_str)
    }

    pub fn as_text(&self, value: Value) -> Option<&str> {
        match value {
            Value::Text(id) => self.texts.get(id).map(String::as_str),
            _ => None,
        }
    }

    pub fn as_tuple(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::Tuple(id) => self.sequences.get(id).map(Vec::as_slice),
            _ => None,
        }
    }

    pub fn as_dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match value {
            Value::Dict(id) => self.dicts.get(id).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The items of a list or a tuple.
    pub fn as_sequence(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::List(id) | Value::Tuple(id) => self.sequences.get(id).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The last value under `name`, as a Python dict would keep it.
    pub fn entry(&self, dict: Value, name: &str) -> Option<Value> {
        let found = self.as_dict(dict)?.iter().rev().find(|(key, _)| self.as_text(*key) == Some(name))?;
        Some(found.1)
    }
}

/// A size, count or offset; none is negative in a file of `torch.save`.
pub fn natural(value: Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    }
}
