//! Who is let in.
//!
//! A request is refused at once where its answer would come too late: because its wait is longer than is allowed, than
//! it has time, or than clients have been seen to wait. The wait is that of the work before it, at the pace of the last
//! batches; a limit on texts would be right for texts of one length on a machine of one speed. That there is such a
//! limit all the same keeps memory in bounds, should the estimate be wrong.

use std::time::{Duration, Instant};

use super::{InferError, patience::Patience};

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    pub texts: usize,
    /// How much time it has left, if `waited` is not counted.
    pub remaining: Option<Duration>,
    /// How long it has waited for somebody to ask.
    pub waited: Duration,
}

/// What a newcomer meets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outlook {
    /// Until its first text begins.
    pub wait: Duration,
    /// From then on, with all lanes.
    pub service: Duration,
    /// Whether there is so little to do that more makes batches better, and whether there is nothing.
    pub is_short_of_work: bool,
    pub is_idle: bool,
}

/// What decides, of all that came before.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    capacity: usize,
    /// Texts that are accepted and not yet answered.
    open: usize,
    /// The longest wait that is let in, if there is a limit.
    wait_limit: Option<Duration>,
}

impl Terms {
    /// Whether a request is let in.
    ///
    /// # Errors
    /// [`InferError::TooManyTexts`] where waiting would not help, [`InferError::QueueFull`] and
    /// [`InferError::QueueWait`] where it would.
    pub fn check(&self, demand: Demand, outlook: Outlook) -> Result<(), InferError> {
        let Self { capacity, open, wait_limit } = *self;
        let Demand { texts, remaining, waited } = demand;
        if texts > capacity {
            return Err(InferError::TooManyTexts { texts, capacity });
        }
        if open + texts > capacity {
            return Err(InferError::QueueFull { capacity });
        }
        let Outlook { wait, service, is_short_of_work, is_idle } = outlook;
        let wait = waited.saturating_add(wait);
        // An estimate alone never keeps the engine from working; what has been waited is none.
        if let Some(remaining) = remaining
            && wait.saturating_add(service) > remaining
            && (!is_idle || waited > remaining)
        {
            return Err(InferError::QueueWait { wait: wait.saturating_add(service), limit: remaining });
        }
        if let Some(limit) = wait_limit
            && wait > limit
            && (!is_short_of_work || waited > limit)
        {
            return Err(InferError::QueueWait { wait, limit });
        }
        Ok(())
    }
}

/// Counts texts from the acceptance of their request to its answer; beyond the capacity they are refused.
pub struct Admission {
    capacity: usize,
    max_wait: Option<Duration>,
    open: usize,
    pub patience: Patience,
}

impl Admission {
    pub fn new(capacity: usize, max_wait: Option<Duration>) -> Self {
        Self { capacity, max_wait, open: 0, patience: Patience::default() }
    }

    /// Takes the places of a request, all or none.
    ///
    /// # Errors
    /// Those of [`Terms::check`].
    pub fn admit(&mut self, demand: Demand, outlook: Outlook, now: Instant) -> Result<(), InferError> {
        self.terms(now).check(demand, outlook)?;
        self.open += demand.texts;
        Ok(())
    }

    /// What is let in now.
    pub fn terms(&self, now: Instant) -> Terms {
        Terms { capacity: self.capacity, open: self.open, wait_limit: self.wait_limit(now) }
    }

    /// The longest wait that is let in, if there is a limit.
    pub fn wait_limit(&self, now: Instant) -> Option<Duration> {
        self.max_wait.into_iter().chain(self.patience.limit(now)).min()
    }

    /// Gives the places of a request back.
    pub fn leave(&mut self, texts: usize) {
        self.open -= texts;
    }

    /// Texts that are accepted and not yet answered.
    pub fn open(&self) -> usize {
        self.open
    }
}
