//! Chooses the token budget of a CPU's batches by measuring.
//!
//! Up to some size a bigger batch computes more tokens in the same time, because each weight that is read
//! serves more of them; beyond it, it only makes the first text of a batch wait for the last. Where that
//! is depends on the CPU, the precision and the model, so it is tried out before the first request.

use std::{
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use crate::model::{Batch, Model, Reader, Runner, ThreadShare};

const CANDIDATES: [usize; 3] = [128, 256, LARGEST];
/// The most that is ever chosen.
pub const LARGEST: usize = 512;
/// Of models that are loaded later: nothing is measured while others are served.
const UNMEASURED: usize = CANDIDATES[1];
/// Texts of about this length fill the batches that are tried.
const TEXT_TOKENS: usize = 32;
/// A smaller batch is as good as the best from this part of its rate on.
const AS_GOOD: f64 = 0.98;
/// The best of so many rounds counts: whatever else runs on the machine makes a run slower, never faster.
const ROUNDS: usize = 2;

/// The smallest of a few budgets at which a batch on each of `lanes` lanes is as fast as at the best of them.
///
/// Measured on the model with the most parameters of those that are loaded: it decides how long requests take. The
/// trials take as long as each lane needs for 1,792 of its tokens.
pub fn measure(models: &[Arc<Model>], lanes: usize) -> usize {
    let readers = models.iter().filter(|model| matches!(model.reader, Reader::Tokens { .. }));
    let loaded = readers.filter_map(|model| Some((model, model.slot.runner()?)));
    let Some((model, runner)) = loaded.max_by_key(|(model, _)| model.info.parameters) else { return UNMEASURED };
    let length = TEXT_TOKENS.min(model.info.max_tokens);
    // The ids decide nothing but which rows of a table are read.
    let text = vec![0; length];

    let mut times = [Duration::MAX; CANDIDATES.len()];
    for _ in 0..ROUNDS {
        for (best, tokens) in times.iter_mut().zip(CANDIDATES) {
            *best = time_side_by_side(&*runner, &vec![text.as_slice(); tokens / length], lanes).min(*best);
        }
    }
    choose(times)
}

/// The first candidate with nearly the best rate; `times` has how long a batch of each took.
fn choose(times: [Duration; CANDIDATES.len()]) -> usize {
    let rate = |(tokens, time): (usize, Duration)| tokens as f64 / time.as_secs_f64();
    let rates = CANDIDATES.into_iter().zip(times).map(rate);
    let best = rates.clone().fold(0.0, f64::max);
    let as_good = CANDIDATES.into_iter().zip(rates).find(|&(_, rate)| rate >= AS_GOOD * best);
    as_good.map_or(CANDIDATES[0], |(tokens, _)| tokens)
}

/// How long the slowest of `lanes` takes for the batch.
fn time_side_by_side(runner: &dyn Runner, texts: &[&[u32]], lanes: usize) -> Duration {
    let start = Barrier::new(lanes);
    let lane = || {
        start.wait();
        let started = Instant::now();
        // A model that cannot run fails its requests with a reason; here it only makes a figure useless.
        let _ = runner.run(&Batch::Tokens(texts), &ThreadShare::new(1));
        started.elapsed()
    };
    thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().filter_map(|lane| lane.join().ok()).max().unwrap_or(Duration::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_batch_that_is_as_good_as_the_best_is_taken() {
        // A batch costs `overhead` tokens more than it has.
        let times = |overhead| CANDIDATES.map(|tokens| Duration::from_micros(tokens as u64 + overhead));
        assert_eq!(choose(times(0)), 128);
        assert_eq!(choose(times(5)), 256, "128 has 0.97 of the rate of 512, 256 has 0.99");
        assert_eq!(choose(times(100)), 512);
    }
}
