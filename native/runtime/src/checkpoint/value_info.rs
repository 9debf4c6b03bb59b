//! What an ONNX graph says of its inputs and outputs.

use std::fmt::Display;

use prost::Message;

/// Values of `TensorProto.DataType`.
pub const FLOAT: i32 = 1;
pub const INT32: i32 = 6;
pub const INT64: i32 = 7;
pub const STRING: i32 = 8;
/// What values of `TensorProto.DataType` are called, from 1 on;
/// <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.
const ELEMENTS: [&str; 16] = [
    "float",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "double",
    "uint32",
    "uint64",
    "complex64",
    "complex128",
    "bfloat16",
];

#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorTypeProto {
    /// One of `TensorProto.DataType`.
    #[prost(int32, optional, tag = "1")]
    element: Option<i32>,
    #[prost(message, optional, tag = "2")]
    shape: Option<ShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    dimensions: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    size: Option<i64>,
}

impl ValueInfoProto {
    /// A tensor of floats, of any shape.
    pub fn floats(name: &str) -> Self {
        let tensor = Some(TensorTypeProto { element: Some(FLOAT), shape: None });
        Self { name: Some(name.to_owned()), r#type: Some(TypeProto { tensor }) }
    }

    #[cfg(test)]
    pub fn tensor_of(name: &str, element: i32, shape: &[Option<i64>]) -> Self {
        let dimensions = shape.iter().map(|&size| DimensionProto { size }).collect();
        let tensor = Some(TensorTypeProto { element: Some(element), shape: Some(ShapeProto { dimensions }) });
        Self { name: Some(name.to_owned()), r#type: Some(TypeProto { tensor }) }
    }

    /// Of what it is a tensor, if it is one.
    pub fn element(&self) -> Option<i32> {
        self.tensor()?.element
    }

    /// Its dimensions, none for those that may be any; none at all where the graph does not say.
    pub fn shape(&self) -> Option<Vec<Option<i64>>> {
        Some(self.tensor()?.shape.as_ref()?.dimensions.iter().map(|dimension| dimension.size).collect())
    }

    /// For a person: `x float [?, 3]`, with ? for what may be any.
    pub fn shown(&self) -> String {
        let Some(tensor) = self.tensor() else { return format!("{} that is no tensor", self.name()) };
        let element = tensor.element.and_then(|element| usize::try_from(element).ok()?.checked_sub(1));
        let element = element.and_then(|index| ELEMENTS.get(index)).unwrap_or(&"of another type");
        match self.shape() {
            Some(shape) => format!("{} {element} {}", self.name(), shown_shape(&shape)),
            None => format!("{} {element}", self.name()),
        }
    }

    fn tensor(&self) -> Option<&TensorTypeProto> {
        self.r#type.as_ref()?.tensor.as_ref()
    }
}

/// Dimensions for a person: `[?, 3]`, with ? for what may be any.
pub fn shown_shape(shape: &[Option<impl Display>]) -> String {
    let sizes = shape.iter().map(|size| size.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string));
    format!("[{}]", sizes.collect::<Vec<_>>().join(", "))
}

/// `values` for a person, or that there are none.
pub fn shown_all<'a>(values: impl IntoIterator<Item = &'a ValueInfoProto>) -> String {
    let shown: Vec<String> = values.into_iter().map(ValueInfoProto::shown).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}
