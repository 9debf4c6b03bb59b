//! A small writer of ONNX graphs: inputs, outputs, nodes and initializers by name.
//!
//! It knows the file format and nothing of transformers; `graph/` knows what to write. Values are
//! handled by their names, as ONNX does.

use prost::Message;

use super::proto::{
    AttributeProto, AttributeType, DataLocation, DataType, DimensionProto, DimensionValue, GraphProto, ModelProto,
    NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};

/// The newest version of the standard operators that every supported ONNX Runtime (1.24 and up) has.
const ONNX_OPSET: i64 = 21;
/// ONNX Runtime's own operators: fused attention, layer normalization with residual, GELU.
pub const MICROSOFT: &str = "com.microsoft";
/// The ONNX IR version that opset 21 belongs to.
const IR_VERSION: i64 = 10;

/// The name of a value in the graph.
pub type Value = String;

/// One dimension of a graph input or output.
#[derive(Clone, Copy, Debug)]
pub enum Dim {
    Fixed(usize),
    Named(&'static str),
}

/// Where the bytes of an initializer lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalData {
    /// File name relative to the model's directory.
    pub file: String,
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// Collects nodes in execution order and gives every value a unique name.
#[derive(Default)]
pub struct OnnxBuilder {
    graph: GraphProto,
}

impl OnnxBuilder {
    pub fn new(name: &str) -> Self {
        Self { graph: GraphProto { name: Some(name.to_owned()), ..GraphProto::default() } }
    }

    pub fn input(&mut self, name: &str, element: DataType, dims: &[Dim]) -> Value {
        self.graph.input.push(value_info(name, element, dims));
        name.to_owned()
    }

    /// Names `value` as an output of the graph.
    pub fn output(&mut self, name: &str, value: &str, element: DataType, dims: &[Dim]) {
        let node = NodeProto {
            input: vec![value.to_owned()],
            output: vec![name.to_owned()],
            name: Some(format!("output/{name}")),
            op_type: Some("Identity".to_owned()),
            ..NodeProto::default()
        };
        self.graph.node.push(node);
        self.graph.output.push(value_info(name, element, dims));
    }

    /// An initializer whose bytes stay in the checkpoint's own file.
    pub fn external(&mut self, name: &str, element: DataType, shape: &[usize], data: &ExternalData) -> Value {
        let entry = |key: &str, value: String| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value) };
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|&dim| dim as i64).collect(),
            data_type: Some(element as i32),
            name: Some(name.to_owned()),
            external_data: vec![
                entry("location", data.file.clone()),
                entry("offset", data.offset.to_string()),
                entry("length", data.length.to_string()),
            ],
            data_location: Some(DataLocation::External as i32),
            ..TensorProto::default()
        });
        name.to_owned()
    }

    /// A small constant of `i64` numbers, such as the target of a reshape.
    pub fn constant(&mut self, name: &str, numbers: &[i64]) -> Value {
        if !self.graph.initializer.iter().any(|tensor| tensor.name.as_deref() == Some(name)) {
            self.graph.initializer.push(TensorProto {
                dims: vec![numbers.len() as i64],
                data_type: Some(DataType::Int64 as i32),
                name: Some(name.to_owned()),
                raw_data: Some(numbers.iter().flat_map(|number| number.to_le_bytes()).collect()),
                ..TensorProto::default()
            });
        }
        name.to_owned()
    }

    /// Appends a node of the standard operators; returns its only output, named like the node.
    pub fn node(&mut self, op: &str, name: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> Value {
        self.push(op, "", name, inputs, attributes)
    }

    /// Appends a node of [`MICROSOFT`]'s operators. An empty input name leaves an optional input out.
    pub fn fused(&mut self, op: &str, name: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> Value {
        self.push(op, MICROSOFT, name, inputs, attributes)
    }

    fn push(&mut self, op: &str, domain: &str, name: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> Value {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: Some(name.to_owned()),
            op_type: Some(op.to_owned()),
            attribute,
            domain: Some(domain.to_owned()),
        });
        name.to_owned()
    }

    /// The finished model in ONNX's file format.
    pub fn finish(self) -> Vec<u8> {
        let opset =
            |domain: &str, version| OperatorSetIdProto { domain: Some(domain.to_owned()), version: Some(version) };
        ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("chorus".to_owned()),
            graph: Some(self.graph),
            opset_import: vec![opset("", ONNX_OPSET), opset(MICROSOFT, 1)],
        }
        .encode_to_vec()
    }
}

pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(AttributeType::Int as i32),
        ..AttributeProto::default()
    }
}

pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        f: Some(value),
        r#type: Some(AttributeType::Float as i32),
        ..AttributeProto::default()
    }
}

fn value_info(name: &str, element: DataType, dims: &[Dim]) -> ValueInfoProto {
    let dim = dims
        .iter()
        .map(|dim| DimensionProto {
            value: Some(match *dim {
                Dim::Fixed(size) => DimensionValue::Fixed(size as i64),
                Dim::Named(symbol) => DimensionValue::Named(symbol.to_owned()),
            }),
        })
        .collect();
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: Some(element as i32),
                shape: Some(TensorShapeProto { dim }),
            }),
        }),
    }
}
