//! What keeps a thread alive.
//!
//! A panic anywhere in a step fails what the worker had in hand and is counted; then the thread goes on. If even that
//! panics, or the step did under the lock of the requests, these cannot be trusted any more and the engine is given up,
//! in the order of zebra's batch worker: record, close the intake, answer everybody who waits.

use std::{
    mem,
    panic::{self, AssertUnwindSafe},
};

use chorus_core::requests::Reply;

use super::Shared;
#[cfg(test)]
use super::tests::Place;

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The dispatcher has closed: there will be no more.
    Closed,
    Done,
    /// There was nothing to do.
    Idle,
}

/// What one of the dispatcher's threads does again and again.
pub trait Worker {
    /// Takes the next thing in hand, if there is one.
    fn take(&mut self, shared: &Shared) -> Step;

    /// Does what is in hand.
    fn work(&mut self, shared: &Shared);

    /// After a panic: ends what was in hand.
    fn fail(&mut self, shared: &Shared);

    /// Replies that have not been delivered.
    fn outbox(&mut self) -> &mut Vec<Reply>;

    /// Waits until there may be something to do.
    fn wait(&self, shared: &Shared);

    /// Does the next thing, if there is one.
    fn step(&mut self, shared: &Shared) -> Step {
        let taken = self.take(shared);
        self.deliver(shared);
        if taken == Step::Done {
            self.work(shared);
            self.deliver(shared);
        }
        taken
    }

    /// After a panic in `step`.
    fn rescue(&mut self, shared: &Shared) {
        #[cfg(test)]
        shared.faults.pass(Place::Rescue);
        self.fail(shared);
        self.deliver(shared);
    }

    fn deliver(&mut self, shared: &Shared) {
        shared.reply(mem::take(self.outbox()));
    }
}

/// Steps until the dispatcher closes, whatever happens.
pub fn supervise(shared: &Shared, mut worker: impl Worker) {
    loop {
        match supervised_step(shared, &mut worker) {
            Step::Closed => return,
            Step::Done => {}
            Step::Idle => worker.wait(shared),
        }
    }
}

/// One step, and the rescue if it panics.
pub fn supervised_step(shared: &Shared, worker: &mut impl Worker) -> Step {
    if let Ok(step) = panic::catch_unwind(AssertUnwindSafe(|| worker.step(shared))) {
        return step;
    }
    let rescue = AssertUnwindSafe(|| {
        let mut requests = shared.requests();
        requests.panicked();
        if requests.is_broken() {
            return false;
        }
        drop(requests);
        worker.rescue(shared);
        true
    });
    if panic::catch_unwind(rescue).is_ok_and(|is_rescued| is_rescued) {
        return Step::Done;
    }
    // Should this panic, too, the thread ends by it: nothing is left to try.
    let replies = shared.requests().abandon();
    shared.reply(replies);
    worker.deliver(shared);
    Step::Closed
}
