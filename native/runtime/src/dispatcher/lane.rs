//! The lanes: each takes a batch, runs it, enters its results, and takes the next.

use chorus_core::{
    content::Content,
    planner::ModelId,
    requests::{BatchError, FlightId, Outcome, Reply, Work},
};

#[cfg(test)]
use super::tests::Place;
use super::{
    Shared,
    supervise::{Step, Worker},
};
use crate::model::{Batch, Model};

#[derive(Default)]
pub struct Lane {
    /// A batch that has been taken, and neither entered nor failed.
    in_hand: Option<Work>,
    /// Replies that have not been delivered.
    outbox: Vec<Reply>,
}

impl Worker for Lane {
    fn take(&mut self, shared: &Shared) -> Step {
        let now = (shared.clock)();
        let mut requests = shared.requests();
        self.outbox.extend(requests.expire(now));
        self.in_hand = requests.begin(now);
        #[cfg(test)]
        shared.faults.pass(Place::Taking);
        // What has expired may have been all that a model was loaded or kept for.
        shared.wake_loader(&requests);
        // Whatever lets a lane take a batch, or leaves it without one, changes what the others may use.
        shared.threads.set(requests.threads_per_batch());
        if self.in_hand.is_some() {
            shared.wake_lane(requests);
            #[cfg(test)]
            shared.faults.pass(Place::Taken);
            Step::Done
        } else if requests.is_closed() {
            Step::Closed
        } else {
            Step::Idle
        }
    }

    /// Runs the batch in hand and enters its results.
    fn work(&mut self, shared: &Shared) {
        let Some(work) = &self.in_hand else { return };
        let ModelId(index) = work.batch.model;
        let started = (shared.clock)();
        let (outputs, computed) = outputs(shared, &shared.models[index], &work.flights);
        #[cfg(test)]
        shared.faults.pass(Place::Ran);
        let ended = (shared.clock)();
        let mut requests = shared.requests();
        let outcome = Outcome { outputs, computed, elapsed: ended - started };
        self.outbox.extend(requests.finish(work, outcome, ended));
        #[cfg(test)]
        shared.faults.pass(Place::Entering);
        self.in_hand = None;
        shared.wake_loader(&requests);
        drop(requests);
        #[cfg(test)]
        shared.faults.pass(Place::Entered);
    }

    fn fail(&mut self, shared: &Shared) {
        if let Some(work) = &self.in_hand {
            let mut requests = shared.requests();
            self.outbox.extend(requests.fail(work, &BatchError::Panic, (shared.clock)()));
            self.in_hand = None;
            shared.wake_lane(requests);
        }
    }

    fn outbox(&mut self) -> &mut Vec<Reply> {
        &mut self.outbox
    }

    fn wait(&self, shared: &Shared) {
        let mut requests = shared.requests();
        if !requests.has_work() && !requests.is_closed() {
            shared.batches_waiting.wait(&mut requests.guard);
        }
    }
}

/// What the model gives for each of the flights, and what it computed for that.
fn outputs(
    shared: &Shared,
    model: &Model,
    flights: &[(FlightId, Content)],
) -> (Vec<Result<Vec<f32>, BatchError>>, usize) {
    if flights.is_empty() {
        return (Vec::new(), 0);
    }
    let (mut tokens, mut texts) = (Vec::new(), Vec::new());
    for (_, content) in flights {
        match content {
            Content::Text(text) => texts.push(&**text),
            Content::Tokens(ids) => tokens.push(&**ids),
        }
    }
    // A model's contents are all of its reader's kind.
    let batch = if tokens.is_empty() { Batch::Texts(&texts) } else { Batch::Tokens(&tokens) };
    let failed = |error: BatchError| flights.iter().map(|_| Err(error.clone())).collect();
    // Held until the batch has run; whoever lets the model go waits for the batch to be entered.
    let Some(runner) = model.slot.runner() else {
        return (failed(BatchError::Runtime("it is not in memory".to_owned())), 0);
    };
    let outputs = match runner.run(&batch, &shared.threads) {
        Ok(numbers) => {
            let rows = numbers.chunks_exact(model.info.width.max(1));
            rows.map(|row| model.head.output(row)).collect()
        }
        Err(error) => failed(error),
    };
    (outputs, runner.computed(&batch))
}
