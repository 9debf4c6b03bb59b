//! Measures what this machine can do at most, and what fraction of it the kernels reach.
//!
//! `cargo run --release -p chorus-kernels --example limits [-- --json] [--quick] [--peaks]`
//!
//! Peak and kernel are measured in turns, many short times; the figures are the best of each, so that
//! other load on the machine disturbs both alike. The times include the conversion of the activations,
//! bias and GELU. `--peaks` measures the machine alone, in a few seconds, and prints JSON.

#[path = "../common/mod.rs"]
mod common;
mod kernels;
mod peaks;
mod report;

use peaks::Peak;
use report::{Limits, Report};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let rounds = if has("--quick") { 5 } else { 25 };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if has("--peaks") {
        println!("{}", report::peaks_json(cores, &limits(1, rounds), &limits(cores, rounds)));
        return;
    }
    let report = Report {
        isa: chorus_kernels::Isa::best(),
        cores,
        one_core: limits(1, rounds),
        all_cores: limits(cores, rounds),
        packing: kernels::packing(rounds),
        attention: kernels::attention(rounds),
        layer_norm_ns: kernels::layer_norm(rounds),
        kernels: kernels::measure(rounds),
    };
    if has("--json") {
        println!("{}", report.json());
    } else {
        print!("{}", report.table());
    }
}

/// The peaks of `threads` cores at once: sums over threads, best round.
fn limits(threads: usize, rounds: usize) -> Limits {
    let best = |peak: Option<Peak>| peak.map(|peak| on_threads(threads, rounds, || peaks::rate(peak)));
    // Far more than any last-level cache share, and never all zeros in one page.
    let memory = vec![1_u64; 32 << 20];
    let part = memory.len() / threads;
    Limits {
        f32: best(peaks::f32()),
        bf16: best(peaks::bf16()),
        q8: best(peaks::q8()),
        read: on_threads(threads, rounds.min(5), || peaks::read_rate(&memory[..part])),
    }
}

fn on_threads(threads: usize, rounds: usize, rate: impl Fn() -> f64 + Sync) -> f64 {
    let round = || {
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(&rate)).collect();
            handles.into_iter().map(|handle| handle.join().expect("a peak loop does not panic")).sum::<f64>()
        })
    };
    (0..rounds).map(|_| round()).fold(0.0, f64::max)
}
