//! Measures batches on a GPU, without HTTP, queue or tokenizer: what the device itself takes.
//!
//! `cargo run --release -p chorus-runtime --example device -- <model directory>… [--rounds 30] [--texts 1,10]
//! [--precisions fp16,exact]`
//!
//! For each precision: the median time of a batch of the first model alone, then how many texts per second all the
//! models answer that run at once, a thread for each. A batch is `texts` of `TOKENS` tokens; TFLOP/s count the work of
//! bench/lib/flops.mjs.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    error::Error,
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use chorus_runtime::{
    engine::{self, Device, EngineConfig},
    model::{Batch, Model, ModelConfig, Precision, Runner, ThreadShare},
};

/// The mean of the challenge's texts.
const TOKENS: usize = 98;
const TEXTS: [usize; 6] = [1, 5, 10, 40, 80, 160];
/// How long all models run together for each number of texts.
const TOGETHER: Duration = Duration::from_millis(700);

fn main() -> Result<(), Box<dyn Error>> {
    let Options { directories, rounds, precisions, texts } = Options::parse(std::env::args().skip(1))?;
    let largest = texts.iter().max().map_or(1, |texts| texts * TOKENS);
    for precision in precisions {
        println!("{}, texts of {TOKENS} tokens", precision.name());
        let started = Instant::now();
        let engine = match engine::start(&config(&directories, precision, largest), Box::new(drop)) {
            Ok(engine) => engine,
            Err(error) => {
                println!("  {error}");
                continue;
            }
        };
        let models = engine.dispatcher.models();
        println!("  {} models loaded in {:.1?}", models.len(), started.elapsed());
        for &texts in &texts {
            let alone = alone(&models[0], texts, rounds);
            print!(
                "  {texts:>4} texts: one model {:>8.3} ms {:>6.1} TFLOP/s",
                alone.as_secs_f64() * 1e3,
                texts as f64 * flop_per_text() / alone.as_secs_f64() / 1e12,
            );
            if models.len() > 1 {
                let together = together(models, texts);
                let rate = together * models.len() as f64 * flop_per_text() / 1e12;
                print!("; {} at once {together:>7.0} texts/s {rate:>6.1} TFLOP/s", models.len());
            }
            println!();
        }
    }
    Ok(())
}

struct Options {
    directories: Vec<String>,
    rounds: usize,
    precisions: Vec<Precision>,
    texts: Vec<usize>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            directories: Vec::new(),
            rounds: 30,
            precisions: vec![Precision::Fp16, Precision::Exact],
            texts: TEXTS.to_vec(),
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} takes a value"));
            match argument.as_str() {
                "--rounds" => options.rounds = value()?.parse()?,
                "--texts" => options.texts = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--precisions" => options.precisions = value()?.split(',').map(precision).collect::<Result<_, _>>()?,
                _ => options.directories.push(argument),
            }
        }
        if options.directories.is_empty() {
            return Err(
                "usage: device <model directory>… [--rounds 30] [--texts 1,10] [--precisions fp16,exact]".into()
            );
        }
        Ok(options)
    }
}

fn precision(name: &str) -> Result<Precision, String> {
    let found = [Precision::Exact, Precision::Fp16].into_iter().find(|precision| precision.name() == name);
    found.ok_or_else(|| format!("a GPU takes the precisions exact and fp16, not {name}"))
}

fn runner(model: &Model) -> Arc<dyn Runner> {
    model.slot.runner().expect("it was loaded at start")
}

/// The median time of a batch.
fn alone(model: &Model, texts: usize, rounds: usize) -> Duration {
    let text = text();
    let batch = vec![text.as_slice(); texts];
    let runner = runner(model);
    let run = || {
        let started = Instant::now();
        runner.run(&Batch::Tokens(&batch), &ThreadShare::new(1)).expect("a model that has started runs");
        started.elapsed()
    };
    for _ in 0..3 {
        run();
    }
    let mut times: Vec<_> = (0..rounds).map(|_| run()).collect();
    times.sort();
    times[rounds / 2]
}

/// Texts per second that every model answers, batches of `texts` back to back.
fn together(models: &[Arc<Model>], texts: usize) -> f64 {
    let text = text();
    let batch = vec![text.as_slice(); texts];
    let start = Barrier::new(models.len());
    let rate = |model: &Arc<Model>| {
        let mut batches = 0;
        let runner = runner(model);
        start.wait();
        let started = Instant::now();
        while started.elapsed() < TOGETHER {
            runner.run(&Batch::Tokens(&batch), &ThreadShare::new(1)).expect("a model that has started runs");
            batches += 1;
        }
        (batches * texts) as f64 / started.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = models.iter().map(|model| scope.spawn(|| rate(model))).collect();
        let rates = lanes.into_iter().map(|lane| lane.join().expect("a model that has started runs"));
        rates.sum::<f64>() / models.len() as f64
    })
}

fn text() -> Vec<u32> {
    (0..TOKENS as u32).map(|token| 5 + token * 37).collect()
}

fn flop_per_text() -> f64 {
    let tokens = TOKENS as f64;
    169.9e6 * tokens + 36_864.0 * tokens * tokens
}

fn config(directories: &[String], precision: Precision, max_batch_tokens: usize) -> EngineConfig {
    EngineConfig {
        models: directories.iter().map(|directory| ModelConfig::new(directory, directory)).collect(),
        ort_library: common::ort_library(),
        device: Device::Cuda,
        device_id: 0,
        precision,
        lanes: Some(directories.len()),
        max_batch_tokens: Some(max_batch_tokens),
        queue_capacity: 1,
        max_wait: None,
        model_memory: None,
    }
}
