//! The lanes: each takes a batch, runs it, enters its results, and takes the next.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::Instant,
};

use chorus_engine::planner::{Batch, TextId};

use super::{
    Shared,
    state::{Finished, Phase},
};
use crate::{error::BatchError, model::Model};

/// A batch and the ids of those of its texts that are still wanted.
struct Work {
    batch: Batch,
    texts: Vec<(TextId, Arc<[u32]>, usize)>,
}

/// Runs batches until the dispatcher closes. A panic ends only the batch that caused it.
pub fn serve(shared: &Shared) {
    while let Some(work) = next(shared) {
        let model = &shared.models[work.batch.model.0];
        let inputs: Vec<Vec<u32>> =
            work.texts.iter().map(|(_, ids, _)| model.input(shared.tokenizers.get(model.tokenizer), ids)).collect();
        let views: Vec<&[u32]> = inputs.iter().map(Vec::as_slice).collect();
        let started = Instant::now();
        let result = panic::catch_unwind(AssertUnwindSafe(|| run(model, &views, work.batch.threads)));
        finish(shared, model, &work, &views, &result.unwrap_or(Err(BatchError::Panic)), started);
    }
}

fn next(shared: &Shared) -> Option<Work> {
    let mut state = shared.state.lock();
    loop {
        if let Some(batch) = state.planner.poll_batch(Instant::now()) {
            let ids = state.batch_ids(&batch, shared.models[batch.model.0].tokenizer);
            let wanted = batch.texts.iter().zip(ids).filter_map(|(&text, ids)| Some((text, ids?, state.top(text))));
            return Some(Work { texts: wanted.collect(), batch });
        }
        if state.phase == Phase::Closed {
            return None;
        }
        shared.batches_waiting.wait(&mut state);
    }
}

fn run(model: &Model, texts: &[&[u32]], threads: usize) -> Result<Vec<f32>, BatchError> {
    if texts.is_empty() { Ok(Vec::new()) } else { model.runner.run(texts, threads) }
}

/// Enters the results of a batch and answers the requests that it completes.
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
            work.texts.iter().zip(numbers.chunks_exact(width)).map(|((.., top), row)| model.output(row, *top)).collect()
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
    let texts = work.texts.iter().map(|&(text, ..)| text);
    let finished: Vec<Finished> =
        texts.zip(outputs).flat_map(|(text, output)| state.complete(text, work.batch.model, output)).collect();
    drop(state);
    // The batch may have left lanes idle that now have work, or requests may have freed batches.
    shared.batches_waiting.notify_all();
    for (request, answer) in finished {
        shared.finish(request, answer);
    }
    shared.drained.notify_all();
}
