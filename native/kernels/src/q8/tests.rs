use super::quantize::{RowScale, activations, weights};
use crate::Isa;

fn noise(length: usize) -> Vec<f32> {
    let mut state = 3_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

fn quantized(isa: Isa, values: &[f32]) -> (RowScale, Vec<u8>) {
    let mut bytes = vec![0xff; values.len().next_multiple_of(64)];
    (activations(isa, values, &mut bytes), bytes)
}

#[test]
fn every_instruction_set_quantizes_to_the_same_bytes() {
    for length in (1..140).chain([768, 3072]) {
        let values: Vec<f32> = noise(length).into_iter().map(|value| value * value * value + 0.1).collect();
        let mut channel = vec![0xff; length.next_multiple_of(4)];
        let expected_channel = weights(Isa::scalar(), &values, &mut channel);
        let expected = quantized(Isa::scalar(), &values);
        for isa in Isa::available() {
            assert_eq!(quantized(isa, &values), expected, "{isa} {length}");
            let mut bytes = vec![0xff; channel.len()];
            assert_eq!(weights(isa, &values, &mut bytes), expected_channel, "{isa} {length}");
            assert_eq!(bytes, channel, "{isa} {length}");
        }
    }
}

#[test]
fn activations_keep_to_their_error_and_zero_is_exact() {
    for (factor, offset) in [(1.0, 0.0), (3.0, 2.5), (2.0, -7.0), (1e-30, 0.0), (1e38, 1e38), (1e-3, 5.0)] {
        let mut values: Vec<f32> = noise(500).into_iter().map(|value| value * factor + offset).collect();
        values.push(0.0);
        let (RowScale { scale, zero }, bytes) = quantized(Isa::best(), &values);
        for (value, byte) in values.iter().zip(bytes) {
            let error = (f64::from(scale) * f64::from(i32::from(byte) - zero) - f64::from(*value)).abs();
            assert!(error <= 1.006 * 0.5 * f64::from(scale), "{value}: {error:e}, step {scale:e}");
            assert!(*value != 0.0 || error == 0.0);
        }
    }
}

#[test]
fn weights_keep_to_their_error_and_know_their_sum() {
    let values = noise(770);
    let mut bytes = vec![0xff; 772];
    let channel = weights(Isa::best(), &values, &mut bytes);
    for (value, byte) in values.iter().zip(&bytes) {
        let error = (channel.scale * f32::from(byte.cast_signed()) - value).abs();
        assert!(error <= 0.5001 * channel.scale);
    }
    assert_eq!(channel.sum, bytes.iter().map(|byte| i32::from(byte.cast_signed())).sum::<i32>());
    assert_eq!(bytes[770..], [0, 0]);
}

#[test]
fn rows_without_a_range_are_zero() {
    for value in [0.0, -0.0, f32::from_bits(1), -1e-38] {
        let (RowScale { scale, zero }, bytes) = quantized(Isa::best(), &[value; 100]);
        assert!(scale.abs() < 1e-37 && zero == 0);
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn values_that_are_not_finite_make_the_scale_nan() {
    for isa in Isa::available() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, 31, 95, 99] {
                let mut values = noise(100);
                values[place] = bad;
                assert!(quantized(isa, &values).0.scale.is_nan(), "{isa} {bad} at {place}");
                assert!(weights(isa, &values, &mut [0; 100]).scale.is_nan(), "{isa} {bad} at {place}");
            }
        }
    }
}
