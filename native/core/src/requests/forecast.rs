//! What a newcomer would meet, for whoever cannot wait to ask the requests themselves.
//!
//! Most is refused when there is most to do. To ask the requests is then to stand in line with the threads that do it,
//! each of which may be kept from its core while it has them; so after every change they leave the few numbers that
//! decide.

use std::time::{Duration, Instant};

use super::{
    InferError, Requests,
    admission::{Demand, Outlook, Terms},
};
use crate::planner::{Class, ModelId};

/// Copied from the requests at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Forecast {
    terms: Terms,
    interactive: Outlook,
    batch: Outlook,
    /// How much of every wait is for batches that run: it gets less by itself.
    running: Duration,
    made: Instant,
}

impl Forecast {
    /// Why a request would be refused that came now, as far as is known before its texts are.
    pub fn refusal(&self, demand: Demand, class: Class, now: Instant) -> Option<InferError> {
        let outlook = match class {
            Class::Interactive => self.interactive,
            Class::Batch => self.batch,
        };
        let passed = now.saturating_duration_since(self.made).min(self.running);
        self.terms.check(demand, Outlook { wait: outlook.wait.saturating_sub(passed), ..outlook }).err()
    }
}

/// What there is to do, in seconds of a lane.
#[derive(Clone, Copy)]
struct Load {
    queued: f64,
    unprepared: f64,
    running: f64,
}

impl Requests {
    pub fn forecast(&self, now: Instant) -> Forecast {
        let load = self.load(now);
        Forecast {
            terms: self.admission.terms(now),
            interactive: self.outlook_of(load, Class::Interactive, 0.0),
            batch: self.outlook_of(load, Class::Batch, 0.0),
            running: self.with_all_lanes(load.running),
            made: now,
        }
    }

    /// What a request meets that needs `work`, in seconds of a lane.
    pub(super) fn outlook(&self, class: Class, work: f64, now: Instant) -> Outlook {
        self.outlook_of(self.load(now), class, work)
    }

    fn load(&self, now: Instant) -> Load {
        let backlog = |index| (ModelId(index), self.planner.backlog(ModelId(index)).cost);
        let queued = (0..self.models.len()).map(backlog).map(|(model, cost)| self.pace.work(model, cost)).sum();
        Load { queued, unprepared: self.unprepared_work.max(0.0), running: self.pace.running(now) }
    }

    fn outlook_of(&self, load: Load, class: Class, work: f64) -> Outlook {
        let ahead = load.queued * self.planner.share_ahead(class) + load.unprepared + load.running;
        Outlook {
            wait: self.with_all_lanes(ahead),
            service: self.with_all_lanes(work),
            is_short_of_work: self.planner.waiting() < self.full_enough,
            is_idle: self.open.is_empty(),
        }
    }

    /// How long so many seconds of a lane take.
    fn with_all_lanes(&self, work: f64) -> Duration {
        Duration::try_from_secs_f64(work / self.lanes as f64).unwrap_or(Duration::MAX)
    }
}
