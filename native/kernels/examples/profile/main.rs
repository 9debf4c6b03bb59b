//! Measures where the time of a text goes in a base-size encoder, part by part, in every precision.
//!
//! `cargo run --release -p chorus-kernels --example profile [-- TOKENS[,TOKENS…] [ROUNDS [PRECISION]]]`
//!
//! The texts (one of 98 tokens) run as one batch on one thread, in turns in every precision or the one that is named.
//! A part's time in a layer is its shortest of all rounds, so that other load on the machine disturbs it least. Every layer has weights of its
//! own, which come from memory as a served model's do. Not included: embeddings, the head, and what the
//! last layer saves where its head reads first tokens only.

#[path = "../common/mod.rs"]
mod common;
mod encoder;

use std::time::Duration;

use chorus_kernels::{Bf16, Bf16Linear, F32, Format, Q8};
use encoder::{ATTENTION, ATTENTION_OPERATIONS, Encoder, LAYERS, OPERATIONS, PARTS, Times};

/// Runs a batch, given by its offsets.
type Run = Box<dyn FnMut(&[usize]) -> [Times; LAYERS]>;

/// A column of the table: a precision and its shortest times.
struct Column {
    name: &'static str,
    /// Of every layer.
    best: [Times; LAYERS],
    run: Run,
}

impl Column {
    fn new<F: Format + 'static>(name: &'static str) -> Self {
        let mut encoder = Encoder::<F>::new();
        let best = [[Duration::MAX; PARTS.len()]; LAYERS];
        Self { name, best, run: Box::new(move |offsets| encoder.run(offsets)) }
    }

    fn time(&self, part: usize) -> Duration {
        self.best.iter().map(|layer| layer[part]).sum()
    }

    fn total(&self) -> Duration {
        self.best.iter().flatten().sum()
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let number = |text: &str| text.parse::<usize>().expect("TOKENS[,TOKENS…] and ROUNDS are numbers, such as 98 20");
    let lengths: Vec<usize> = arguments.next().as_deref().unwrap_or("98").split(',').map(number).collect();
    let rounds = arguments.next().map_or(20, |rounds| number(&rounds));
    let mut offsets = vec![0];
    offsets.extend(lengths.iter().scan(0, |sum, length| {
        *sum += length;
        Some(*sum)
    }));

    let precision = arguments.next();
    let wanted = |name: &str| precision.as_deref().is_none_or(|precision| precision == name);
    let mut columns = Vec::new();
    if wanted("exact") {
        columns.push(Column::new::<F32>("exact"));
    }
    if wanted("bf16") && Bf16Linear::is_available() {
        columns.push(Column::new::<Bf16>("bf16"));
    }
    if wanted("int8") {
        columns.push(Column::new::<Q8>("int8"));
    }
    for _ in 0..rounds {
        for Column { best, run, .. } in &mut columns {
            let times = run(&offsets);
            let times = times.into_iter().flatten();
            best.iter_mut().flatten().zip(times).for_each(|(best, time)| *best = time.min(*best));
        }
    }
    print(&lengths, &columns);
}

/// Milliseconds, share of the whole, and billions of operations per second of every part.
fn print(lengths: &[usize], columns: &[Column]) {
    let tokens: usize = lengths.iter().sum();
    let pairs: usize = lengths.iter().map(|length| length * length).sum();
    let row = |name: &str, cell: &dyn Fn(&Column) -> String| {
        println!("{name:<24}{}", columns.iter().map(cell).collect::<String>());
    };
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!("{tokens} tokens in {} texts, {} instructions\n", lengths.len(), chorus_kernels::Isa::best());
    row("", &|column| format!("{:>10} ms{:>7}{:>8}", column.name, "%", "GOP/s"));
    for (part, name) in PARTS.iter().enumerate() {
        let operations = tokens * OPERATIONS[part] + if part == ATTENTION { pairs * ATTENTION_OPERATIONS } else { 0 };
        row(name, &|column| {
            let time = column.time(part);
            let share = time.as_secs_f64() / column.total().as_secs_f64() * 100.0;
            let rate = operations as f64 / time.as_secs_f64() / 1e9;
            let rate = if operations > 0 { format!("{rate:.0}") } else { "-".into() };
            format!("{:>13.2}{share:>7.1}{rate:>8}", milliseconds(time))
        });
    }
    row("all", &|column| format!("{:>13.2}{:>15}", milliseconds(column.total()), ""));
}
