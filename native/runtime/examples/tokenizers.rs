//! Compares the tokenizers of model directories with those of the `tokenizers` library: ids, time, memory.
//!
//! `cargo run --release -p chorus-runtime --example tokenizers -- <model directory> <texts.jsonl>…`
//!
//! A line of texts is a JSON string, or an object with `text`. The library's cache is filled with other
//! words first, as it is in a service after its first minutes.

use std::{
    error::Error,
    fs,
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use chorus_runtime::tokenizer::TextTokenizer;
use serde_json::Value;
use tokenizers::Tokenizer;

/// Content ids of the models' longest input.
const MAX_CONTENT: usize = 510;
const ROUNDS: usize = 3;
/// More than the library's caches hold.
const CACHED_WORDS: usize = 12_000;
const MEBIBYTE: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, files @ ..] = arguments.as_slice() else {
        return Err("usage: tokenizers <model directory> <texts.jsonl>…".into());
    };
    let before = resident_mebibytes();
    let start = Instant::now();
    let own = TextTokenizer::load(Path::new(directory))?;
    let own_loaded = start.elapsed();
    release_free_memory();
    let own_memory = resident_mebibytes() - before;
    let start = Instant::now();
    let library = library(Path::new(directory))?;
    println!("load: {own_loaded:.0?} own, with the library's in it; {:.0?} library", start.elapsed());
    release_free_memory();
    let library_memory = resident_mebibytes() - before - own_memory;
    println!("memory: {own_memory} MiB own, {library_memory} MiB library");

    let filler: Vec<String> = (0..CACHED_WORDS).map(|word| format!("q{word}x")).collect();
    library.encode_fast(filler.join(" "), false).map_err(|error| error.to_string())?;
    for file in files {
        let texts = texts(Path::new(file))?;
        let differing = texts.iter().filter(|text| own_ids(&own, text) != library_ids(&library, text)).count();
        println!("{file}: {} texts, {differing} differ", texts.len());
        compare(&own, &library, &texts);
    }
    let letters: String = (0..MEBIBYTE as u32)
        .scan(1u32, |state, _| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(char::from(b'a' + (*state >> 24) as u8 % 26))
        })
        .collect();
    for (name, text) in [("dots", ".".repeat(MEBIBYTE)), ("letters", letters), ("a", "a".repeat(MEBIBYTE))] {
        println!("1 MiB of {name}:");
        compare(&own, &library, &[text]);
    }
    println!("memory: {} MiB in all at the end", resident_mebibytes());
    Ok(())
}

/// Times both in turns, so that both see the same machine.
fn compare(own: &TextTokenizer, library: &Tokenizer, texts: &[String]) {
    let bytes: usize = texts.iter().map(String::len).sum();
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        let takes = |encode: &dyn Fn(&str) -> Vec<u32>| {
            let start = Instant::now();
            for text in texts {
                black_box(encode(black_box(text)));
            }
            start.elapsed()
        };
        best[0] = best[0].min(takes(&|text| own_ids(own, text)));
        best[1] = best[1].min(takes(&|text| own.encode(text, MAX_CONTENT).unwrap_or_default().content));
        best[2] = best[2].min(takes(&|text| library_ids(library, text)));
    }
    let rates = best.map(|time| {
        let nanoseconds = time.as_nanos() as f64;
        (nanoseconds / texts.len() as f64, bytes as f64 * 1e3 / nanoseconds)
    });
    for (name, (per_text, rate)) in ["own, in full", "own, cut", "library"].into_iter().zip(rates) {
        println!("  {name:12} {per_text:12.0} ns/text {rate:8.1} MB/s {:8.1}x", rates[2].0 / per_text);
    }
}

fn own_ids(tokenizer: &TextTokenizer, text: &str) -> Vec<u32> {
    tokenizer.encode(text, usize::MAX).unwrap_or_default().content
}

fn library_ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    tokenizer.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default()
}

/// The library's tokenizer; it needs a `tokenizer.json`.
fn library(directory: &Path) -> Result<Tokenizer, Box<dyn Error>> {
    let mut tokenizer = Tokenizer::from_file(directory.join("tokenizer.json")).map_err(|error| error.to_string())?;
    tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

fn texts(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let lines = fs::read_to_string(path)?;
    let text = |line: &str| -> Result<String, Box<dyn Error>> {
        let value: Value = serde_json::from_str(line)?;
        Ok(value.as_str().or_else(|| value["text"].as_str()).ok_or("a line without text")?.to_owned())
    };
    lines.lines().map(text).collect()
}

/// Gives back what loading leaves behind, as the service does.
fn release_free_memory() {
    // SAFETY: `malloc_trim` has no preconditions and may be called at any time, from any thread.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Zero where the system does not tell.
fn resident_mebibytes() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) / 1024
}
