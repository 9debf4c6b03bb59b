//! Measures what more threads do for one batch of a checkpoint, in every precision that the CPU has.
//!
//! `cargo run --release -p chorus-runtime --example threads -- <model directory> [ROUNDS]`
//!
//! Each line is one text: its tokens, and for every number of threads the median time and the shortest in
//! milliseconds. Numbers of threads take turns, so that other load on the machine meets all of them.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{error::Error, path::PathBuf, thread, time::Instant};

use chorus_runtime::{
    engine::{self, Device, EngineConfig},
    model::{Batch, ModelConfig, Precision, Runner, ThreadShare},
};

const TOKENS: [usize; 4] = [9, 36, 98, 400];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: threads <model directory> [ROUNDS]")?;
    let rounds = arguments.next().map_or(Ok(20), |rounds| rounds.parse())?;
    let cores = thread::available_parallelism()?.get();
    for precision in [Precision::Exact, Precision::Bf16, Precision::Int8] {
        let config = config(PathBuf::from(&directory), precision, cores);
        let engine = match engine::start(&config, Box::new(drop)) {
            Ok(engine) => engine,
            Err(error) => {
                println!("{}: {error}", precision.name());
                continue;
            }
        };
        println!("{}", precision.name());
        let runner = engine.dispatcher.models()[0].slot.runner().expect("it is loaded at start");
        for tokens in TOKENS {
            println!("{tokens:>5} tokens {}", line(runner.as_ref(), tokens, cores, rounds));
        }
    }
    Ok(())
}

fn config(path: PathBuf, precision: Precision, lanes: usize) -> EngineConfig {
    EngineConfig {
        models: vec![ModelConfig::new("model", path)],
        ort_library: common::ort_library(),
        device: Device::Cpu,
        device_id: 0,
        precision,
        lanes: Some(lanes),
        max_batch_tokens: Some(512),
        queue_capacity: 1,
        max_wait: None,
        model_memory: None,
    }
}

/// The times of one text on 1, 2, … threads.
fn line(runner: &dyn Runner, tokens: usize, cores: usize, rounds: usize) -> String {
    let text: Vec<u32> = (0..tokens as u32).map(|token| 5 + token).collect();
    let shares: Vec<ThreadShare> = (1..=cores).map(ThreadShare::new).collect();
    let mut times = vec![Vec::with_capacity(rounds); cores];
    for _ in 0..rounds {
        for (share, times) in shares.iter().zip(&mut times) {
            let started = Instant::now();
            runner.run(&Batch::Tokens(&[&text]), share).expect("a model that has started runs");
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    let cell = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        format!("{:>8.2} ({:.2})", times[rounds / 2], times[0])
    };
    times.iter_mut().map(cell).collect()
}
