//! How tensors may lie in their storage.

use proptest::prelude::*;
use safetensors::SafeTensors;

use crate::{
    converted_bytes,
    pickler::{call, dict, global, int, legacy, one_tensor, storage, tensor, text, tuple},
};

/// The values of the tensor `x`.
fn values(file: &[u8]) -> Result<Vec<f32>, String> {
    let (_, bytes) = converted_bytes(file)?;
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let data = tensors.tensor("x").unwrap().data().to_vec();
    Ok(data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

fn counting(length: usize) -> Vec<f32> {
    (0..length).map(|number| number as f32).collect()
}

#[test]
fn a_tensor_outside_its_storage_is_refused() {
    let large = 1 << 60;
    let cases: [(i64, &[i64], &[i64]); 9] = [
        (1, &[6], &[1]),
        (0, &[7], &[1]),
        (0, &[2, 3], &[4, 1]),
        (i64::MAX, &[1], &[1]),
        (0, &[large], &[1]),
        (0, &[large, large], &[0, 0]),
        (0, &[2], &[i64::MAX]),
        (0, &[i64::MAX, 2], &[i64::MAX, 1]),
        (6, &[], &[]),
    ];
    for (offset, shape, strides) in cases {
        let error = values(&one_tensor(&tensor(storage(6, None), offset, shape, strides), &counting(6))).unwrap_err();
        assert_eq!(error, "expected the tensor `x` within its storage of 6 elements, found a part of it outside");
    }
}

#[test]
fn numbers_that_no_tensor_has_are_refused() {
    let cases: [(i64, &[i64], &[i64]); 5] =
        [(-1, &[1], &[1]), (0, &[-1], &[1]), (0, &[1], &[-1]), (0, &[1, 1], &[1]), (0, &[1; 65], &[1; 65])];
    for (offset, shape, strides) in cases {
        let error = values(&one_tensor(&tensor(storage(6, None), offset, shape, strides), &counting(6))).unwrap_err();
        assert_eq!(error, "expected a state dict of tensors only, found a malformed tensor");
    }
}

#[test]
fn a_few_bytes_do_not_become_a_disk_full() {
    let file = one_tensor(&tensor(storage(6, None), 0, &[1 << 40], &[0]), &counting(6));
    let error = values(&file).unwrap_err();
    assert!(error.starts_with("expected tensors of at most 16"), "{error}");
    assert!(error.ends_with("found 4398046511104"), "{error}");
}

#[test]
fn a_storage_has_as_many_elements_as_it_says() {
    for declared in [5, 7, 1 << 60, i64::MAX] {
        let error = values(&one_tensor(&tensor(storage(declared, None), 0, &[2], &[1]), &counting(6))).unwrap_err();
        let expected = format!("expected {declared} elements of 4 bytes for the tensor `x`, found 24 bytes");
        assert_eq!(error, expected);
    }
    for count in [-1, 7, 1 << 60, i64::MAX] {
        let mut file = one_tensor(&tensor(storage(6, None), 0, &[2], &[1]), &counting(6));
        let at = file.len() - 6 * 4 - 8;
        file[at..at + 8].copy_from_slice(&i64::to_le_bytes(count));
        let expected = "expected all data of the storage `0`, found a part of it; the file may be cut off";
        assert_eq!(values(&file).unwrap_err(), expected);
    }
}

#[test]
fn views_of_a_legacy_storage_count_from_their_start() {
    let view = |start, length| Some(tuple(&[text("view"), int(start), int(length)]));
    let x = tensor(storage(6, view(2, 3)), 1, &[2], &[1]);
    assert_eq!(values(&one_tensor(&x, &counting(6))).unwrap(), [3.0, 4.0]);
    for (start, length) in [(2, 2), (4, 3), (i64::MAX, i64::MAX)] {
        let x = tensor(storage(6, view(start, length)), 1, &[2], &[1]);
        assert!(values(&one_tensor(&x, &counting(6))).unwrap_err().ends_with("found a part of it outside"));
    }
}

#[test]
fn an_ordered_dict_of_python_2_holds_its_items() {
    let x = tensor(storage(2, None), 0, &[2], &[1]);
    let pair = [b"](".to_vec(), text("x"), x, b"e".to_vec()].concat();
    let state = call("collections", "OrderedDict", &[[b"](".to_vec(), pair, b"e".to_vec()].concat()]);
    let data = [2_i64.to_le_bytes().to_vec(), 1_f32.to_le_bytes().to_vec(), 2_f32.to_le_bytes().to_vec()].concat();
    assert_eq!(values(&legacy(&state, &["0"], &data)).unwrap(), [1.0, 2.0]);
}

#[test]
fn a_parameter_with_state_and_a_shape_of_torch_size_are_tensors() {
    let size = call("torch", "Size", &[tuple(&[int(2)])]);
    let hooks = dict(&[]);
    let arguments = [storage(2, None), int(0), size, tuple(&[int(1)]), b"\x89".to_vec(), hooks.clone(), dict(&[])];
    let inner = call("torch._utils", "_rebuild_tensor_v2", &arguments);
    let x = call("torch._utils", "_rebuild_parameter_with_state", &[inner, b"\x88".to_vec(), hooks, dict(&[])]);
    assert_eq!(values(&one_tensor(&x, &[1.0, 2.0])).unwrap(), [1.0, 2.0]);
}

#[test]
fn a_tensor_whose_stored_values_are_not_its_own_is_refused() {
    let flags = dict(&[("neg", b"\x88".to_vec())]);
    let (shape, strides) = (tuple(&[int(2)]), tuple(&[int(1)]));
    let arguments = [storage(2, None), int(0), shape, strides, b"\x89".to_vec(), dict(&[]), flags];
    let x = call("torch._utils", "_rebuild_tensor_v2", &arguments);
    let error = values(&one_tensor(&x, &[1.0, 2.0])).unwrap_err();
    assert_eq!(error, "expected a state dict of tensors only, found a tensor with metadata");
}

#[test]
fn only_the_types_of_a_checkpoint_are_known() {
    let kind = global("torch", "ComplexFloatStorage");
    let id = tuple(&[text("storage"), kind, text("0"), text("cpu"), int(2), b"N".to_vec()]);
    let error = values(&one_tensor(&[id, b"Q".to_vec()].concat(), &[1.0, 2.0])).unwrap_err();
    assert_eq!(error, "expected a state dict of tensors only, found the global `torch.ComplexFloatStorage`");
}

/// What element `index` of a tensor is, counted over its shape in row-major order.
fn position(mut index: i64, shape: &[i64], strides: &[i64]) -> i64 {
    let mut position = 0;
    for (size, stride) in shape.iter().zip(strides).rev() {
        position += index % size * stride;
        index /= size;
    }
    position
}

#[test]
fn tensors_longer_than_a_piece_are_copied_whatever_their_order() {
    let (rows, columns) = (1500_i64, 1100_i64);
    let elements = counting((rows * columns) as usize);
    let cases: [(&[i64], &[i64]); 6] = [
        (&[rows, columns], &[columns, 1]),
        (&[columns, rows], &[1, columns]),
        (&[rows, columns - 1], &[columns, 1]),
        (&[rows / 2, columns / 2, 2], &[2 * columns, 2, 0]),
        (&[2, rows * columns], &[0, 1]),
        (&[4, columns, rows / 4], &[columns, 1, 4 * columns]),
    ];
    for (shape, strides) in cases {
        let found = values(&one_tensor(&tensor(storage(rows * columns, None), 0, shape, strides), &elements)).unwrap();
        let expected = (0..shape.iter().product()).map(|index| position(index, shape, strides) as f32);
        assert!(found.into_iter().eq(expected), "{shape:?} {strides:?}");
    }
}

proptest! {
    #[test]
    fn any_strides_give_the_elements_in_the_order_of_the_shape(
        axes in prop::collection::vec((1..5_i64, 0..40_i64), 0..5),
        offset in 0..10_i64,
    ) {
        let (shape, strides): (Vec<_>, Vec<_>) = axes.into_iter().unzip();
        let last = shape.iter().zip(&strides).map(|(size, stride)| (size - 1) * stride).sum::<i64>() + offset;
        let elements = counting(last as usize + 1);
        let found = values(&one_tensor(&tensor(storage(last + 1, None), offset, &shape, &strides), &elements)).unwrap();
        let count = shape.iter().product();
        let expected: Vec<_> = (0..count).map(|index| (offset + position(index, &shape, &strides)) as f32).collect();
        prop_assert_eq!(found, expected);
    }
}
