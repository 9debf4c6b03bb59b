use super::*;

/// Signed bytes from a linear congruential generator, with those at both ends among them.
fn bytes(length: usize, seed: u32) -> Vec<i8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match (state >> 16) as u8 {
            0..=15 => i8::MIN,
            16..=31 => i8::MAX,
            byte => byte.cast_signed(),
        }
    };
    (0..length).map(|_| next()).collect()
}

fn expected(stride: usize, rows: &[i8], queries: &[i8]) -> Vec<i32> {
    let product = |row: &[i8], query: &[i8]| row.iter().zip(query).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
    queries.chunks(stride).flat_map(|query| rows.chunks(stride).map(move |row| product(row, query))).collect()
}

#[test]
fn every_instruction_set_gives_the_products() {
    for stride in [64, 128, 384, 1024] {
        for queries in 0..=9 {
            let (rows, queries) = (bytes(11 * stride, 1), bytes(queries * stride, 2));
            let expected = expected(stride, &rows, &queries);
            for isa in Isa::available() {
                let mut found = vec![7; expected.len()];
                products(isa, stride, &rows, &queries, &mut found);
                assert_eq!(found, expected, "{isa}, {stride} bytes");
            }
        }
    }
}

#[test]
fn the_longest_row_does_not_overflow() {
    for (row, query) in [(i8::MIN, i8::MIN), (i8::MIN, i8::MAX), (i8::MAX, i8::MAX), (i8::MAX, i8::MIN)] {
        for isa in Isa::available() {
            let mut found = [0];
            products(isa, MAX_ROW_BYTES, &vec![row; MAX_ROW_BYTES], &vec![query; MAX_ROW_BYTES], &mut found);
            assert_eq!(found, [i32::from(row) * i32::from(query) * MAX_ROW_BYTES as i32], "{isa}: {row} · {query}");
        }
    }
}

#[test]
fn no_rows_have_no_products() {
    for isa in Isa::available() {
        products(isa, 64, &[], &[1; 64], &mut []);
    }
}

#[test]
fn quantized_values_are_within_half_a_step() {
    let values: Vec<f32> = bytes(100, 3).into_iter().map(|byte| f32::from(byte) / 37.0).collect();
    for isa in Isa::available() {
        let mut bytes = [1; 128];
        let scale = quantize_row(isa, &values, &mut bytes);
        for (value, byte) in values.iter().zip(bytes) {
            assert!((value - scale * f32::from(byte)).abs() <= scale * 0.501, "{isa}: {value} as {byte}");
            assert!(byte != i8::MIN);
        }
        assert_eq!(bytes[100..], [0; 28], "{isa}");
    }
}

#[test]
fn a_value_that_is_not_finite_has_no_scale() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(quantize_row(Isa::best(), &[1.0, value], &mut [0; 64]).is_nan());
    }
}
