//! What of onnx.proto (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>) says what a classifier of texts is.

use prost::Message;

use crate::checkpoint::value_info::{FLOAT, INT32, INT64, ValueInfoProto};

/// `AttributeProto.AttributeType`: bytes.
pub const BYTES: i32 = 3;

#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    pub initializers: Vec<Named>,
    #[prost(message, repeated, tag = "11")]
    pub inputs: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub outputs: Vec<ValueInfoProto>,
}

/// Any tensor's name.
#[derive(Clone, PartialEq, Message)]
pub struct Named {
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub outputs: Vec<String>,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int64, tag = "3")]
    pub int: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub bytes: Vec<u8>,
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

/// The values of a small tensor.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    #[prost(int32, tag = "2")]
    pub element: i32,
    #[prost(float, repeated, tag = "4")]
    pub floats: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub int32s: Vec<i32>,
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub strings: Vec<Vec<u8>>,
    #[prost(int64, repeated, tag = "7")]
    pub int64s: Vec<i64>,
    #[prost(bytes = "vec", tag = "9")]
    pub raw: Vec<u8>,
}

impl NodeProto {
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The number of an attribute, or `default` where it is not there.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.int)
    }

    /// The bytes of an attribute; none where it is not there.
    pub fn bytes(&self, name: &str) -> &[u8] {
        self.attribute(name).map_or(&[], |attribute| &attribute.bytes)
    }
}

impl AttributeProto {
    pub fn of_bytes(name: &str, bytes: &[u8]) -> Self {
        Self { name: name.to_owned(), bytes: bytes.to_vec(), r#type: BYTES, ..Self::default() }
    }

    /// Strings, or integers as they are written.
    pub fn names(&self) -> Vec<String> {
        names(&self.strings, self.ints.iter())
    }
}

impl TensorProto {
    /// Numbers in single precision; none where it has others.
    pub fn numbers(&self) -> Vec<f32> {
        let raw = self.raw.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("4 bytes")));
        if self.element == FLOAT { self.floats.iter().copied().chain(raw).collect() } else { Vec::new() }
    }

    /// Strings, or integers as they are written; none where it has others.
    pub fn names(&self) -> Vec<String> {
        let raw64 = || self.raw.chunks_exact(8).map(|bytes| i64::from_le_bytes(bytes.try_into().expect("8 bytes")));
        let raw32 = || self.raw.chunks_exact(4).map(|bytes| i32::from_le_bytes(bytes.try_into().expect("4 bytes")));
        match self.element {
            INT32 => names(&[], self.int32s.iter().copied().chain(raw32())),
            INT64 => names(&[], self.int64s.iter().copied().chain(raw64())),
            _ => names(&self.strings, [0_i32; 0]),
        }
    }
}

fn names(strings: &[Vec<u8>], numbers: impl IntoIterator<Item = impl ToString>) -> Vec<String> {
    let strings = strings.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    strings.chain(numbers.into_iter().map(|number| number.to_string())).collect()
}
