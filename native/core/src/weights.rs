//! The tensors of a checkpoint by name: element type, shape and place in their file.
//!
//! The runtime fills the index from safetensors headers, and whoever loads a model looks tensors up in it.
//! No tensor's contents pass through here.

use std::{collections::BTreeMap, fmt};

use thiserror::Error;

/// Element types that a checkpoint's parameters may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    Bf16,
    F16,
    F32,
    F64,
}

impl Dtype {
    /// Bytes per element.
    pub fn size(self) -> usize {
        match self {
            Self::Bf16 | Self::F16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub data: Place,
}

/// Where a tensor's bytes are: a file of the checkpoint, and from which byte on how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub offset: u64,
    pub length: u64,
}

/// A tensor that the architecture needs and the checkpoint does not have as it should.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WeightError {
    #[error("tensor `{name}` of shape {} is missing", Dimensions(expected))]
    Missing { name: String, expected: Vec<usize> },
    #[error("tensor `{name}` has shape {found:?}, but config.json implies {}", Dimensions(expected))]
    Shape { name: String, expected: Vec<usize>, found: Vec<usize> },
}

/// An expected shape; 0 stands for any number of classes.
struct Dimensions<'a>(&'a [usize]);

impl fmt::Display for Dimensions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|&dimension| match dimension {
            0 => "classes".to_owned(),
            dimension => dimension.to_string(),
        });
        write!(f, "[{}]", names.collect::<Vec<_>>().join(", "))
    }
}

#[derive(Clone, Debug, Default)]
pub struct WeightIndex(BTreeMap<String, Tensor>);

impl WeightIndex {
    pub fn insert(&mut self, name: String, tensor: Tensor) {
        self.0.insert(name, tensor);
    }

    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name).or_else(|| self.0.get(&legacy_name(name)?))
    }

    /// The tensor `name`, which must have `shape`.
    pub fn expect(&self, name: &str, shape: &[usize]) -> Result<&Tensor, WeightError> {
        let tensor =
            self.get(name).ok_or_else(|| WeightError::Missing { name: name.to_owned(), expected: shape.to_vec() })?;
        if tensor.shape != shape {
            return Err(WeightError::Shape {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.shape.clone(),
            });
        }
        Ok(tensor)
    }

    /// The rows of the matrix `name`, which must have `columns`: a head's weights say how many classes there
    /// are, configs may be silent about it.
    pub fn rows(&self, name: &str, columns: usize) -> Result<usize, WeightError> {
        let expected = vec![0, columns];
        let Some(tensor) = self.get(name) else {
            return Err(WeightError::Missing { name: name.to_owned(), expected });
        };
        match tensor.shape[..] {
            [rows, found] if rows > 0 && found == columns => Ok(rows),
            _ => Err(WeightError::Shape { name: name.to_owned(), expected, found: tensor.shape.clone() }),
        }
    }
}

/// Checkpoints converted from TensorFlow call a layer norm's weight and bias `gamma` and `beta`.
fn legacy_name(name: &str) -> Option<String> {
    let (stem, parameter) = name.rsplit_once('.')?;
    if !stem.ends_with("LayerNorm") {
        return None;
    }
    match parameter {
        "weight" => Some(format!("{stem}.gamma")),
        "bias" => Some(format!("{stem}.beta")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &[usize]) -> Tensor {
        let data = Place { file: "model.safetensors".to_owned(), offset: 0, length: 0 };
        Tensor { dtype: Dtype::F32, shape: shape.to_vec(), data }
    }

    #[test]
    fn finds_layer_norms_under_their_old_names() {
        let mut index = WeightIndex::default();
        index.insert("embeddings.LayerNorm.gamma".to_owned(), tensor(&[4]));
        assert!(index.expect("embeddings.LayerNorm.weight", &[4]).is_ok());
    }

    #[test]
    fn a_wrong_shape_names_the_tensor_and_both_shapes() {
        let mut index = WeightIndex::default();
        index.insert("a.weight".to_owned(), tensor(&[2, 3]));
        assert_eq!(
            index.expect("a.weight", &[3, 2]).unwrap_err().to_string(),
            "tensor `a.weight` has shape [2, 3], but config.json implies [3, 2]"
        );
    }
}
