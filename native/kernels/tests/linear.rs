//! The linear operators as a caller sees them: every remainder of rows and columns, on every instruction
//! set, against f64.

use chorus_kernels::{
    Activation, Bf16, F32, Format, Isa, LayerNorm, Linear, Matrix, MatrixMut, PANEL_COLUMNS, Q8, Rows, Shape,
    TILE_ROWS, WeightMemory,
};
use half::bf16;

/// An operator with inputs, and what f64 makes of them.
struct Case {
    shape: Shape,
    weights: Vec<f32>,
    bias: Vec<f32>,
    x: Vec<f32>,
    exact: Vec<f64>,
}

impl Case {
    fn new(rows: usize, shape: Shape) -> Self {
        let weights = noise(shape.outputs * shape.inputs, 1);
        Self::of(shape, weights, noise(shape.outputs, 2), noise(rows * shape.inputs, 3))
    }

    fn of(shape: Shape, weights: Vec<f32>, bias: Vec<f32>, x: Vec<f32>) -> Self {
        let dot = |x: &[f32], w: &[f32]| x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum::<f64>();
        let row = |x: &[f32]| {
            let channels = weights.chunks_exact(shape.inputs).zip(&bias);
            channels.map(|(w, bias)| dot(x, w) + f64::from(*bias)).collect::<Vec<_>>()
        };
        let exact = x.chunks_exact(shape.inputs).flat_map(row).collect();
        Self { shape, weights, bias, x, exact }
    }

    fn check(&self, tolerance: f64, y: &[f32], what: &str) {
        assert_eq!(y.len(), self.exact.len());
        for (y, exact) in y.iter().zip(&self.exact) {
            assert!((f64::from(*y) - exact).abs() <= tolerance, "{what} {:?}: {y}, not {exact}", self.shape);
        }
    }

    fn linear<F: Format>(&self, isa: Isa, activation: Activation) -> Linear<F> {
        Linear::pack(&WeightMemory::default(), &self.weights, Some(&self.bias), self.shape, activation).with_isa(isa)
    }

    fn rows<F: Format>(&self) -> Rows<F> {
        let mut rows = Rows::new();
        rows.convert(&self.x, self.shape.inputs);
        rows
    }

    /// All three formats' results.
    fn run(&self, isa: Isa, activation: Activation) -> [Vec<f32>; 3] {
        [
            self.results(|y| self.linear::<Q8>(isa, activation).run(&self.rows(), y)),
            self.results(|y| self.linear::<Bf16>(isa, activation).run(&self.rows(), y)),
            self.results(|y| self.linear::<F32>(isa, activation).run(&self.rows(), y)),
        ]
    }

    fn results(&self, run: impl FnOnce(MatrixMut<'_>)) -> Vec<f32> {
        let mut y = vec![f32::NAN; self.exact.len()];
        run(MatrixMut::new(&mut y, self.shape.outputs));
        y
    }
}

/// Values in [-1, 1) from a linear congruential generator.
fn noise(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn every_remainder_of_rows_and_columns_is_right() {
    for rows in 1..=2 * TILE_ROWS + 1 {
        for outputs in (1..=2 * PANEL_COLUMNS + 1).step_by(if rows % 5 == 1 { 1 } else { 16 }) {
            let inputs = [1, 7, 64, 70][(rows + outputs) % 4];
            let case = Case::new(rows, Shape { outputs, inputs });
            // Two steps of 2/255 and 2/254 at most, half of each, on factors below one.
            let steps = inputs as f64 * (1.0 / 254.0 + 1.01 / 255.0 + 2e-5);
            for isa in Isa::available() {
                let [q8, bf16, f32] = case.run(isa, Activation::Identity);
                case.check(steps, &q8, "q8");
                case.check(inputs as f64 * 2.01 / 512.0 + 1e-6, &bf16, "bf16");
                case.check(inputs as f64 * 1e-6, &f32, "f32");
            }
        }
    }
}

#[test]
fn bf16_rounds_its_operands_and_nothing_else() {
    let rounded = |values: &[f32]| values.iter().map(|value| bf16::from_f32(*value).to_f32()).collect::<Vec<_>>();
    for (rows, outputs, inputs) in [(1, 1, 1), (7, 49, 70), (17, 97, 769)] {
        let case = Case::new(rows, Shape { outputs, inputs });
        let (weights, x) = (rounded(&case.weights), rounded(&case.x));
        let exact = Case::of(case.shape, weights, case.bias.clone(), x);
        // In plain Rust too, as on machines that do not multiply bf16.
        for isa in Isa::available() {
            let [_, y, _] = case.run(isa, Activation::Identity);
            exact.check(inputs as f64 * 1e-6, &y, isa.name());
        }
    }
}

#[test]
fn operators_deeper_than_one_pass_are_right() {
    // The loops cut the depth at 768 words of 4, 2 or 1 inputs.
    let case = Case::new(9, Shape { outputs: 50, inputs: 4000 });
    for isa in Isa::available() {
        let [q8, bf16, f32] = case.run(isa, Activation::Identity);
        case.check(1.0, &q8, "q8");
        case.check(0.5, &bf16, "bf16");
        case.check(1e-3, &f32, "f32");
    }
}

#[test]
fn int8_results_are_the_same_bits_on_every_instruction_set() {
    for (rows, outputs, inputs) in [(1, 48, 768), (9, 50, 771), (130, 97, 3072), (13, 7, 6)] {
        let case = Case::new(rows, Shape { outputs, inputs });
        for activation in [Activation::Identity, Activation::Gelu] {
            let [reference, ..] = case.run(Isa::scalar(), activation);
            for isa in Isa::available() {
                assert_eq!(case.run(isa, activation)[0], reference, "{isa}");
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_a_crowd() {
    for isa in Isa::available() {
        let shape = Shape { outputs: 100, inputs: 1000 };
        let crowd = Case::new(139, shape);
        let all = crowd.run(isa, Activation::Gelu);
        for row in [0, 1, 7, 63, 64, 70, 138] {
            let x = crowd.x[row * shape.inputs..][..shape.inputs].to_vec();
            let exact = vec![0.0; shape.outputs];
            let alone = Case { shape, weights: crowd.weights.clone(), bias: crowd.bias.clone(), x, exact };
            for (alone, all) in alone.run(isa, Activation::Gelu).iter().zip(&all) {
                assert_eq!(alone[..], all[row * shape.outputs..][..shape.outputs], "{isa} row {row}");
            }
        }
    }
}

#[test]
fn what_an_operator_writes_for_the_next_is_what_conversion_makes_of_its_results() {
    fn check<F: Format>(isa: Isa) {
        for (rows, outputs) in [(1, 1), (9, 50), (21, 97), (130, 96)] {
            let case = Case::new(rows, Shape { outputs, inputs: 70 });
            let next = Case::new(1, Shape { outputs: 49, inputs: outputs }).linear::<F>(isa, Activation::Identity);
            for activation in [Activation::Identity, Activation::Gelu, Activation::Silu] {
                let linear = case.linear::<F>(isa, activation);
                let (mut converted, mut written) = (Rows::<F>::new(), Rows::<F>::new());
                converted.convert(&case.results(|y| linear.run(&case.rows(), y)), outputs);
                // Memory that held what would spoil every product.
                let wider = outputs.next_multiple_of(64);
                written.convert(&vec![f32::NAN; 2 * rows * wider], wider);
                linear.run(&case.rows(), written.target(rows, outputs));
                for (_, mut part) in written.unconverted(3) {
                    part.convert_all();
                }
                let [expected, y] = [&converted, &written].map(|input| {
                    let mut y = vec![f32::NAN; rows * 49];
                    next.run(input, MatrixMut::new(&mut y, 49));
                    y
                });
                assert_eq!(y, expected, "{isa} {rows} × {outputs}, {activation:?}");
            }
        }
    }

    for isa in Isa::available() {
        check::<F32>(isa);
        check::<Bf16>(isa);
        check::<Q8>(isa);
    }
}

#[test]
fn what_a_norm_writes_is_what_conversion_makes_of_its_results() {
    fn check<F: Format>() {
        let (count, width) = (9, 131);
        let norm = LayerNorm::new(noise(width, 4), noise(width, 5), 1e-5);
        let [x, residual] = [6, 7].map(|seed| noise(count * width, seed));
        let [x, residual] = [&x, &residual].map(|values| Matrix::new(values, width));
        let case = Case::new(1, Shape { outputs: 49, inputs: width });
        let next = case.linear::<F>(Isa::best(), Activation::Identity);
        let mut rows = Rows::<F>::new();
        for (range, part) in rows.rows_mut(count, width).split(4) {
            norm.run(x.with_rows(range.clone()), Some(residual.with_rows(range)), part);
        }
        let values: Vec<f32> = rows.values().to_vec();
        let mut converted = Rows::<F>::new();
        converted.convert(&values, width);
        let [expected, y] = [&converted, &rows].map(|input| {
            let mut y = vec![f32::NAN; count * 49];
            next.run(input, MatrixMut::new(&mut y, 49));
            y
        });
        assert_eq!(y, expected);
    }

    check::<F32>();
    check::<Bf16>();
    check::<Q8>();
}

#[test]
fn columns_can_be_split_over_threads() {
    let case = Case::new(21, Shape { outputs: 250, inputs: 96 });
    let (linear, rows) = (case.linear::<Q8>(Isa::best(), Activation::Gelu), case.rows());
    let whole = case.results(|y| linear.run(&rows, y));
    for parts in 1..9 {
        let split = case.results(|mut y| {
            std::thread::scope(|scope| {
                for part in 0..parts {
                    let columns = case.shape.columns_of_part(part, parts);
                    let (mine, rest) =
                        std::mem::replace(&mut y, MatrixMut::new(&mut [], 1)).split_at_column(columns.len());
                    y = rest;
                    let (linear, rows) = (&linear, &rows);
                    scope.spawn(move || linear.run_columns(rows, columns, mine));
                }
            });
        });
        assert_eq!(split, whole, "{parts} parts");
    }
}

#[test]
fn a_bad_row_spoils_no_other() {
    let shape = Shape { outputs: 50, inputs: 130 };
    for isa in Isa::available() {
        let mut case = Case::new(11, shape);
        let good = case.run(isa, Activation::Gelu);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            case.x[4 * shape.inputs + 129] = bad;
            for (format, (y, good)) in case.run(isa, Activation::Gelu).iter().zip(&good).enumerate() {
                for (row, (y, good)) in y.chunks(50).zip(good.chunks(50)).enumerate() {
                    if row != 4 {
                        assert_eq!(y, good, "{isa} row {row}");
                    } else if format == 0 {
                        assert!(y.iter().all(|value| value.is_nan()), "{isa} {bad}");
                    } else {
                        let limits = |value: &f32| !value.is_finite() || *value == 0.0;
                        assert!(y.iter().all(limits), "{isa} {bad}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_row_of_zeros_gives_the_bias() {
    let mut case = Case::new(3, Shape { outputs: 49, inputs: 770 });
    case.x[770..1540].fill(0.0);
    for isa in Isa::available() {
        for y in case.run(isa, Activation::Identity) {
            assert_eq!(y[49..98], case.bias, "{isa}");
        }
    }
}

#[test]
fn no_rows_give_no_results() {
    let case = Case::new(0, Shape { outputs: 5, inputs: 3 });
    assert!(case.run(Isa::best(), Activation::Gelu).iter().all(Vec::is_empty));
}

#[test]
#[should_panic(expected = "columns")]
fn columns_off_the_panels_are_refused() {
    let case = Case::new(1, Shape { outputs: 100, inputs: 4 });
    let linear = case.linear::<Q8>(Isa::best(), Activation::Identity);
    linear.run_columns(&case.rows(), 10..100, MatrixMut::new(&mut [0.0; 90], 90));
}
