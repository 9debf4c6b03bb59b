//! What keeps a thread alive.
//!
//! A panic anywhere in a step fails what the worker had in hand and is counted; then the thread goes on. If even that
//! panics, or the step did under the lock of the requests, these cannot be trusted any more and the engine is given up,
//! in the order of zebra's batch worker: record, close the intake, answer everybody who waits.

use std::panic::{self, AssertUnwindSafe};

use super::Shared;

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
    /// Does the next thing, if there is one.
    fn step(&mut self, shared: &Shared) -> Step;

    /// After a panic in `step`: ends what was in hand.
    fn rescue(&mut self, shared: &Shared);

    /// Delivers the replies that it has.
    fn deliver(&mut self, shared: &Shared);

    /// Waits until there may be something to do.
    fn wait(&self, shared: &Shared);
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
