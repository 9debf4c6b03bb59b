use half::bf16;

use crate::{
    Attention, AttentionScratch, Element, Inputs, Isa, Matrix, MatrixMut, element::Sealed, layout::PackedFormat,
};

const HEADS: usize = 3;

/// Values in [-2, 2) from a linear congruential generator.
fn noise(length: usize) -> Vec<f32> {
    let mut state = 11_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 22) as f32 - 2.0
    };
    (0..length).map(|_| next()).collect()
}

fn offsets(lengths: &[usize]) -> Vec<usize> {
    let sums = lengths.iter().scan(0, |sum, length| {
        *sum += length;
        Some(*sum)
    });
    std::iter::once(0).chain(sums).collect()
}

/// What tests do with attention of either type.
struct Operator {
    name: String,
    tolerance: f64,
    run: Run,
}

/// The result for `(qkv, lengths, first_only)`, as [`run`] has it.
type Run = Box<dyn Fn(&[f32], &[usize], bool) -> Vec<f32>>;

impl Operator {
    fn new<E: Element>(attention: Attention<E>, tolerance: f64) -> Self {
        let run = move |qkv: &[f32], lengths: &[usize], first_only| {
            let qkv: Vec<E> = qkv.iter().copied().map(E::of).collect();
            run::<E, f32>(attention, &qkv, lengths, first_only)
        };
        Self { name: format!("{attention:?}"), tolerance, run: Box::new(run) }
    }
}

/// Attention in f32 and bf16, for every instruction set.
fn operators(head_size: usize) -> impl Iterator<Item = Operator> {
    let exact = |isa| Operator::new(Attention::<f32>::new(HEADS, head_size).with_isa(isa), 2e-5);
    let exact: Vec<_> = Isa::available().into_iter().map(exact).collect();
    let rounding = rounding(head_size).into_iter().map(|attention| Operator::new(attention, 2e-2));
    exact.into_iter().chain(rounding)
}

/// Of bf16, for every instruction set; and with bf16 products in plain Rust, which no machine runs but all can test.
fn rounding(head_size: usize) -> Vec<Attention<bf16>> {
    let attention = Attention::new(HEADS, head_size);
    let on_every_isa = Isa::available().into_iter().map(|isa| attention.with_isa(isa));
    let in_plain_rust = attention.with_products(PackedFormat::Bf16, Isa::scalar());
    on_every_isa.chain([in_plain_rust]).collect()
}

/// The result for a fused `qkv[tokens, 3 · width]`, of all tokens or of each text's first.
fn run<E: Element, R: Element>(attention: Attention<E>, qkv: &[E], lengths: &[usize], first_only: bool) -> Vec<R> {
    let head_size = attention.head_size;
    let width = HEADS * head_size;
    let (fused, key_offsets) = (Matrix::new(qkv, 3 * width), offsets(lengths));
    let first: Vec<E> =
        key_offsets[..lengths.len()].iter().flat_map(|row| &qkv[row * 3 * width..][..width]).copied().collect();
    let queries = if first_only { Matrix::new(&first, width) } else { fused.with_columns(0..width) };
    let query_offsets: Vec<usize> = if first_only { (0..=lengths.len()).collect() } else { key_offsets.clone() };
    let inputs = Inputs {
        queries,
        keys: fused.with_columns(width..2 * width),
        values: fused.with_columns(2 * width..3 * width),
        query_offsets: &query_offsets,
        key_offsets: &key_offsets,
    };
    let mut y = vec![R::of(f32::NAN); queries.rows() * width];
    let (mut left, mut right) = MatrixMut::new(&mut y, width).split_at_column(2 * head_size);
    let mut scratch = AttentionScratch::new();
    attention.run_heads(&inputs, 0..2, &mut scratch, left.block(0..queries.rows(), 0..2 * head_size));
    attention.run_heads(&inputs, 2..3, &mut scratch, right.block(0..queries.rows(), 0..head_size));
    y
}

/// One head of one text in f64.
fn exact(qkv: &[f32], head_size: usize, rows: std::ops::Range<usize>, query: usize, head: usize) -> Vec<f64> {
    let width = HEADS * head_size;
    let part = |row: usize, part: usize| {
        let start = row * 3 * width + part * width + head * head_size;
        qkv[start..start + head_size].iter().map(|value| f64::from(*value))
    };
    let score = |row| part(query, 0).zip(part(row, 1)).map(|(q, k)| q * k).sum::<f64>() / (head_size as f64).sqrt();
    let weights: Vec<f64> = rows.clone().map(|row| f64::exp(score(row))).collect();
    let sum: f64 = weights.iter().sum();
    let mut result = vec![0.0; head_size];
    for (row, weight) in rows.zip(weights) {
        result.iter_mut().zip(part(row, 2)).for_each(|(result, value)| *result += weight / sum * value);
    }
    result
}

#[test]
fn texts_of_any_length_attend_to_themselves_only() {
    for head_size in [4, 32, 33, 64] {
        let lengths = [1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 47, 48, 49, 64, 65, 97, 130];
        let offsets = offsets(&lengths);
        let width = HEADS * head_size;
        let qkv = noise(offsets[lengths.len()] * 3 * width);
        for Operator { name, tolerance, run } in operators(head_size) {
            let y = run(&qkv, &lengths, false);
            for text in offsets.windows(2) {
                for query in [text[0], text[1] - 1] {
                    for head in 0..HEADS {
                        let exact = exact(&qkv, head_size, text[0]..text[1], query, head);
                        for (y, exact) in y[query * width + head * head_size..].iter().zip(exact) {
                            let error = (f64::from(*y) - exact).abs();
                            assert!(error < tolerance, "{name} {text:?}: {y}, not {exact}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_text_has_the_same_bits_alone_and_in_a_crowd() {
    let (head_size, lengths) = (64, [5, 98, 1, 33, 60]);
    let (offsets, width) = (offsets(&lengths), HEADS * head_size);
    let qkv = noise(offsets[5] * 3 * width);
    for Operator { name, run, .. } in operators(head_size) {
        let crowd = run(&qkv, &lengths, false);
        let first = run(&qkv, &lengths, true);
        for (index, text) in offsets.windows(2).enumerate() {
            let alone = run(&qkv[text[0] * 3 * width..text[1] * 3 * width], &[text[1] - text[0]], false);
            assert_eq!(alone, crowd[text[0] * width..text[1] * width], "{name} {text:?}");
            assert_eq!(first[index * width..][..width], alone[..width], "{name} {text:?}");
        }
    }
}

#[test]
fn great_scores_do_not_overflow() {
    let head_size = 64;
    let qkv: Vec<f32> = noise(20 * 3 * HEADS * head_size).into_iter().map(|value| value * 1e3).collect();
    for Operator { name, run, .. } in operators(head_size) {
        let y = run(&qkv, &[20], false);
        assert!(y.iter().all(|value| value.is_finite()), "{name}");
    }
}

#[test]
fn a_bad_query_spoils_no_other() {
    let (head_size, lengths) = (64, [10, 20]);
    let width = HEADS * head_size;
    let good_qkv = noise(30 * 3 * width);
    let mut bad_qkv = good_qkv.clone();
    bad_qkv[4 * 3 * width] = f32::NAN;
    for Operator { name, run, .. } in operators(head_size) {
        let [good, bad] = [&good_qkv, &bad_qkv].map(|qkv| run(qkv, &lengths, false));
        assert!(bad[4 * width..][..head_size].iter().all(|value| value.is_nan()), "{name}");
        assert_eq!(bad[..4 * width], good[..4 * width], "{name}");
        assert_eq!(bad[4 * width + head_size..], good[4 * width + head_size..], "{name}");
    }
}

#[test]
fn equal_values_come_out_rounded_once() {
    // The weights' sum is that of the rounded weights, so their mean is the value itself, whatever they are.
    let (head_size, length) = (32, 45);
    let width = HEADS * head_size;
    let mut qkv = noise(length * 3 * width);
    for row in qkv.chunks_exact_mut(3 * width) {
        row[2 * width..].fill(1.5);
    }
    for Operator { name, run, .. } in operators(head_size) {
        let y = run(&qkv, &[length], false);
        assert!(y.iter().all(|value| (value - 1.5).abs() < 1e-6), "{name}");
    }
}

#[test]
fn halves_are_read_wherever_they_lie_and_written_as_rounded_results() {
    for head_size in [32, 33] {
        let lengths = [50, 3];
        let length = 53 * 3 * HEADS * head_size;
        let values: Vec<bf16> = noise(length + 1).into_iter().map(bf16::of).collect();
        // One of the two does not start on a word.
        let [here, there] = [0, 1].map(|start| {
            let mut moved = values.clone();
            moved.copy_within(..length, start);
            moved
        });
        for attention in rounding(head_size) {
            let results = run::<_, f32>(attention, &here[..length], &lengths, false);
            assert_eq!(run::<_, f32>(attention, &there[1..], &lengths, false), results, "{attention:?}");
            let rounded: Vec<bf16> = results.into_iter().map(bf16::of).collect();
            assert_eq!(run::<_, bf16>(attention, &here[..length], &lengths, false), rounded, "{attention:?}");
        }
    }
}
