use super::*;

/// Bits from a linear congruential generator.
fn bits(length: usize) -> Vec<u32> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.rotate_left(16) ^ state
    };
    (0..length).map(|_| next()).collect()
}

/// Words of `format` whose values are in ±2, but for int8, which takes any.
fn words(format: PackedFormat, length: usize) -> Vec<u32> {
    let mask = match format {
        PackedFormat::Q8 => return bits(length),
        PackedFormat::Bf16 => 0xbf80_bf80,
        PackedFormat::F32 => 0xbf80_0000,
    };
    let noise = match format {
        PackedFormat::Bf16 => 0x007f_007f,
        _ => 0x007f_ffff,
    };
    bits(length).into_iter().map(|bits| bits & 0x8000_8000 & mask | 0x3f80_3f80 & mask | bits & noise).collect()
}

fn run(format: PackedFormat, isa: Isa, rows: &[u32], stride: usize, panel: &[u32], count: usize) -> Vec<Sums> {
    let mut sums = vec![Sums([u32::MAX; PANEL_COLUMNS]); count];
    let mut tile = Tile::new(rows, stride, panel, &mut sums, false);
    // SAFETY: `isa` is available.
    unsafe { kernel(format, isa)(&mut tile) };
    sums
}

const DEPTHS: [usize; 6] = [1, 2, 3, 16, 33, 192];

#[test]
fn int8_sums_equal_the_reference_in_every_tile() {
    for depth in DEPTHS {
        let (rows, panel) = (bits(TILE_ROWS * (depth + 3)), bits(depth * PANEL_COLUMNS));
        for count in 1..=TILE_ROWS {
            let expected = run(PackedFormat::Q8, Isa::scalar(), &rows, depth + 3, &panel, count);
            for isa in Isa::available() {
                assert_eq!(
                    run(PackedFormat::Q8, isa, &rows, depth + 3, &panel, count),
                    expected,
                    "{isa} {count} {depth}"
                );
            }
        }
    }
}

#[test]
fn int8_sums_do_not_saturate() {
    let (rows, panel) = (vec![0xffff_ffff; 16], vec![0x8181_8181; 16 * PANEL_COLUMNS]);
    for isa in Isa::available() {
        let sums = run(PackedFormat::Q8, isa, &rows, 16, &panel, 1);
        assert_eq!(sums[0].0, [(-127 * 255 * 64_i32).cast_unsigned(); PANEL_COLUMNS], "{isa}");
    }
}

#[test]
fn float_sums_are_close_to_f64() {
    for format in [PackedFormat::Bf16, PackedFormat::F32] {
        for depth in DEPTHS {
            let (rows, panel) = (words(format, TILE_ROWS * depth), words(format, depth * PANEL_COLUMNS));
            let values = |word: u32| match format {
                PackedFormat::Bf16 => [f32::from_bits(word << 16).into(), f32::from_bits(word & 0xffff_0000).into()],
                _ => [f64::from(f32::from_bits(word)), 0.0],
            };
            for isa in Isa::available() {
                let sums = run(format, isa, &rows, depth, &panel, TILE_ROWS);
                for (row, sums) in sums.iter().enumerate() {
                    for (column, sum) in sums.0.iter().enumerate() {
                        let exact: f64 = (0..depth)
                            .map(|word| {
                                let [x, w] =
                                    [rows[row * depth + word], panel[word * PANEL_COLUMNS + column]].map(values);
                                x[0] * w[0] + x[1] * w[1]
                            })
                            .sum();
                        let error = (f64::from(f32::from_bits(*sum)) - exact).abs();
                        assert!(error <= depth as f64 * 1e-6, "{isa} {format:?}: {error:e} at depth {depth}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_in_every_tile() {
    for format in [PackedFormat::Bf16, PackedFormat::F32] {
        let depth = 77;
        let (rows, panel) = (words(format, TILE_ROWS * depth), words(format, depth * PANEL_COLUMNS));
        for isa in Isa::available() {
            let all = run(format, isa, &rows, depth, &panel, TILE_ROWS);
            for count in 1..=TILE_ROWS {
                for first in 0..=TILE_ROWS - count {
                    let some = run(format, isa, &rows[first * depth..], depth, &panel, count);
                    assert_eq!(some, all[first..first + count], "{isa} {format:?} rows {first}+{count}");
                }
            }
        }
    }
}

#[test]
fn a_panel_in_two_passes_gives_the_same_bits() {
    for format in [PackedFormat::Q8, PackedFormat::Bf16, PackedFormat::F32] {
        let (depth, cut) = (40, 13);
        let (rows, panel) = (words(format, TILE_ROWS * depth), words(format, depth * PANEL_COLUMNS));
        let (first, second) = panel.split_at(cut * PANEL_COLUMNS);
        for isa in Isa::available() {
            for count in 1..=TILE_ROWS {
                let mut sums = run(format, isa, &rows, depth, first, count);
                let mut tile = Tile::new(&rows[cut..], depth, second, &mut sums, true);
                // SAFETY: `isa` is available.
                unsafe { kernel(format, isa)(&mut tile) };
                assert_eq!(sums, run(format, isa, &rows, depth, &panel, count), "{isa} {format:?} {count}");
            }
        }
    }
}
