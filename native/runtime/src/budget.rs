//! Chooses the token budget of a CPU's batches by measuring.
//!
//! Up to some size a bigger batch computes more tokens in the same time, because each weight that is read
//! serves more of them; beyond it, it only makes the first text of a batch wait for the last. Where that
//! is depends on the CPU, the precision and the model, so it is tried out before the first request.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use crate::model::{Model, TokenizerSet};

const SMALLEST: usize = 64;
const LARGEST: usize = 1024;
/// Texts of about this length fill the batches that are tried.
const TEXT_TOKENS: usize = 32;
/// A doubled batch has to be better by this much.
const WORTHWHILE: f64 = 1.03;
/// The best of so many runs counts: whatever else runs on the machine makes a run slower, never faster.
const RUNS: usize = 2;

/// The tokens at which a batch on each of `lanes` lanes stops getting better by being doubled.
///
/// Measured on the model with the most parameters: it decides how long requests take. The trials take
/// about as long as the lanes need for a thousand of its tokens each.
pub fn measure(models: &[Model], tokenizers: &TokenizerSet, lanes: usize) -> usize {
    let Some(model) = models.iter().max_by_key(|model| model.info.parameters) else { return SMALLEST };
    let length = TEXT_TOKENS.min(model.info.max_tokens);
    let mut text = model.input(tokenizers.get(model.tokenizer), &[]);
    // The ids decide nothing but which rows of a table are read.
    text.resize(length, text[0]);

    choose(|tokens| tokens_per_second(model, &text, tokens, lanes))
}

fn choose(mut rate_of: impl FnMut(usize) -> f64) -> usize {
    let mut tokens = SMALLEST;
    let mut rate = rate_of(tokens);
    while tokens < LARGEST {
        let doubled = rate_of(2 * tokens);
        if doubled < rate * WORTHWHILE {
            break;
        }
        (tokens, rate) = (2 * tokens, doubled);
    }
    tokens
}

/// Of one lane, while all run.
fn tokens_per_second(model: &Model, text: &[u32], tokens: usize, lanes: usize) -> f64 {
    let texts = vec![text; (tokens / text.len()).max(1)];
    let best = (0..RUNS).map(|_| time_side_by_side(model, &texts, lanes)).min().unwrap_or(Duration::MAX);
    (texts.len() * text.len()) as f64 / best.as_secs_f64()
}

/// How long the slowest of `lanes` takes for the batch.
fn time_side_by_side(model: &Model, texts: &[&[u32]], lanes: usize) -> Duration {
    let start = Barrier::new(lanes);
    let lane = || {
        start.wait();
        let started = Instant::now();
        // A model that cannot run fails its requests with a reason; here it only makes a figure useless.
        let _ = model.runner.run(texts, 1);
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
    fn a_batch_grows_for_as_long_as_that_pays() {
        // A batch that costs 20 tokens more than it has: 512 is 3.8 % better than 256, 1024 only 1.9 % than 512.
        let rate = |overhead: f64| move |tokens: usize| tokens as f64 / (tokens as f64 + overhead);
        assert_eq!(choose(rate(0.0)), SMALLEST);
        assert_eq!(choose(rate(20.0)), 512);
        assert_eq!(choose(rate(1e6)), LARGEST);
    }

    #[test]
    fn nothing_bigger_is_tried_than_what_was_not_worthwhile() {
        let mut tried = Vec::new();
        choose(|tokens| {
            tried.push(tokens);
            1.0
        });
        assert_eq!(tried, [SMALLEST, 2 * SMALLEST]);
    }
}
