//! What models take of the process while they are loaded goes with them: memory, files and threads.
//!
//! A program of its own: other tests would be counted as well.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod common;

use std::fs;

use chorus_core::requests::LoadTime;
use chorus_runtime::{engine::EngineConfig, model::ModelConfig};

use crate::common::{config, fixture, model, start};

const NAMES: [&str; 3] = ["bert", "roberta", "xlm-roberta"];
const PAGE: usize = 2 << 20;
const ROUNDS: usize = 100;
/// From here on everything that is kept for good has been made.
const SETTLED: usize = 10;

/// KiB of memory, threads and open files of this process.
fn usage() -> (f64, usize, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| -> usize {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    let files = fs::read_dir("/proc/self/fd").unwrap().count();
    (field("VmRSS:") as f64, field("Threads:"), files)
}

#[test]
fn a_hundred_loads_leave_nothing_behind() {
    let lazy = |name: &&str| ModelConfig { load: LoadTime::Lazy, ..model(name, fixture(name)) };
    let models = NAMES.iter().map(lazy).collect();
    let loaded = start(&EngineConfig { model_memory: Some(PAGE), ..config(models) }).unwrap();
    let mut settled = None;
    for round in 1..=ROUNDS {
        for index in 0..NAMES.len() {
            loaded.infer(&["hello".to_owned(), "a longer text than the other".to_owned()], index);
        }
        if round == SETTLED {
            settled = Some(usage());
        }
    }
    let stats = loaded.engine.dispatcher.stats();
    assert!(stats.models.iter().all(|model| model.loads.done == ROUNDS as u64), "each was loaded each time");
    let ((before, threads, files), (after, threads_after, files_after)) = (settled.unwrap(), usage());
    assert!(after < before * 1.05, "{before} KiB after {SETTLED} rounds, {after} KiB after {ROUNDS}");
    assert_eq!((threads_after, files_after), (threads, files));
}
