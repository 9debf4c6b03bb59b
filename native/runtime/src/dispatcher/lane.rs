//! The lanes: each takes a batch, runs it, enters its results, and takes the next.

use std::{
    panic::{self, AssertUnwindSafe},
    time::Instant,
};

use chorus_core::planner::Batch;

use super::{
    Reply, Shared,
    state::{BatchText, Phase},
};
use crate::{
    error::BatchError,
    model::{Model, ThreadShare},
};

/// A batch and those of its texts that are still wanted.
struct Work {
    batch: Batch,
    texts: Vec<BatchText>,
}

/// Runs batches until the dispatcher closes. A panic ends only the batch that caused it.
pub fn serve(shared: &Shared) {
    while let Some(work) = next(shared) {
        let model = &shared.models[work.batch.model.0];
        let inputs: Vec<Vec<u32>> =
            work.texts.iter().map(|text| model.input(shared.tokenizers.get(model.tokenizer), &text.ids)).collect();
        let views: Vec<&[u32]> = inputs.iter().map(Vec::as_slice).collect();
        let started = Instant::now();
        let result = panic::catch_unwind(AssertUnwindSafe(|| run(model, &views, &shared.threads)));
        finish(shared, model, &work, &views, &result.unwrap_or(Err(BatchError::Panic)), started);
    }
}

fn next(shared: &Shared) -> Option<Work> {
    let mut state = shared.state.lock();
    loop {
        let now = Instant::now();
        let batch = state.planner.poll_batch(now);
        // Whatever lets a lane take a batch, or leaves it without one, changes what the others may use.
        shared.threads.set(state.planner.threads_per_batch());
        if let Some(batch) = batch {
            let texts = state.begin(&batch, shared.models[batch.model.0].tokenizer, now);
            shared.wake_lane(state);
            return Some(Work { batch, texts });
        }
        if state.phase == Phase::Closed {
            return None;
        }
        shared.batches_waiting.wait(&mut state);
    }
}

fn run(model: &Model, texts: &[&[u32]], threads: &ThreadShare) -> Result<Vec<f32>, BatchError> {
    if texts.is_empty() { Ok(Vec::new()) } else { model.runner.run(texts, threads) }
}

/// Enters the results of a batch and replies to the requests that it completes.
fn finish(
    shared: &Shared,
    model: &Model,
    work: &Work,
    inputs: &[&[u32]],
    result: &Result<Vec<f32>, BatchError>,
    started: Instant,
) {
    let width = model.runner.width();
    let outputs: Vec<_> = match result {
        Ok(numbers) => {
            work.texts.iter().zip(numbers.chunks_exact(width)).map(|(text, row)| model.output(row, text.top)).collect()
        }
        Err(error) => work.texts.iter().map(|_| Err(error.clone())).collect(),
    };
    let now = Instant::now();
    let mut state = shared.state.lock();
    state.planner.finish(work.batch.id);
    state.counters.batch(&work.batch, inputs.len(), model.runner.computed_tokens(inputs), now - started, now);
    if matches!(result, Err(BatchError::Panic)) {
        state.counters.panicked();
        state.counters.lane_restarted();
    }
    let texts = work.texts.iter().map(|text| text.id);
    let replies: Vec<Reply> =
        texts.zip(outputs).flat_map(|(text, output)| state.complete(text, work.batch.model, output, now)).collect();
    drop(state);
    shared.reply(replies);
}
