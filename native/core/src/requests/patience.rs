//! How long clients wait before they go away, learned from those that went.
//!
//! Most clients have a time limit that they do not tell. Where the queue is longer than that, everything is computed
//! for clients that are about to leave: the engine is busy, and hardly anybody has an answer. So when many go away, less
//! is let in, until they stay; then slowly more again.

use std::time::{Duration, Instant};

/// Who leaves sooner does not leave because of the queue, and tells nothing of others: a tab that is closed, a search
/// that is typed on.
const LEAST: Duration = Duration::from_millis(250);

/// So few who leave are no reason to refuse others.
const FEW: f64 = 0.05;
const FEWEST: f64 = 4.0;

/// Of the last few hundred requests.
const MANY: f64 = 500.0;

/// Of what has been too long, so much is tried next. Estimates of a wait are not exact: short of the limit is better.
const STEP: f64 = 0.7;

/// How the limit grows while all stay: by a tenth in so long.
const GROWTH: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Patience {
    /// Of the last requests since the limit was set: those who left after a wait, how long they had waited together,
    /// and those who stayed.
    gone: f64,
    waited: f64,
    stayed: f64,
    /// The longest wait that is let in, and since when.
    limit: Option<(Duration, Instant)>,
}

impl Patience {
    /// A client got its answer.
    pub fn stayed(&mut self) {
        self.stayed += 1.0;
        self.forget();
    }

    /// A client went away that had waited for `waited`.
    pub fn gone(&mut self, waited: Duration, now: Instant) {
        if waited < LEAST {
            return;
        }
        self.gone += 1.0;
        self.waited += waited.as_secs_f64();
        self.forget();
        let patience = self.waited / self.gone;
        let is_settled =
            self.limit.is_none_or(|(_, since)| now.saturating_duration_since(since).as_secs_f64() > patience);
        if is_settled && self.gone >= FEWEST && self.gone > FEW * (self.gone + self.stayed) {
            let too_long = self.limit(now).map_or(patience, |limit| limit.as_secs_f64().min(patience));
            let limit = Duration::from_secs_f64(too_long * STEP).max(LEAST);
            *self = Self { limit: Some((limit, now)), ..Self::default() };
        }
    }

    fn forget(&mut self) {
        if self.gone + self.stayed > MANY {
            for sum in [&mut self.gone, &mut self.waited, &mut self.stayed] {
                *sum /= 2.0;
            }
        }
    }

    /// The longest wait that is worth letting in; `None`: nobody has left yet.
    pub fn limit(&self, now: Instant) -> Option<Duration> {
        let (limit, since) = self.limit?;
        let growth = 0.1 * now.saturating_duration_since(since).as_secs_f64() / GROWTH.as_secs_f64();
        Some(limit.mul_f64(1.0 + growth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
    fn start() -> Instant {
        Instant::now()
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn clients_who_leave_after_a_wait_shorten_it() {
        let (mut patience, now) = (Patience::default(), start());
        (0..50).for_each(|_| patience.gone(seconds(2.0), now));
        assert_eq!(patience.limit(now), Some(seconds(1.4)));
    }

    #[test]
    fn while_they_still_leave_it_gets_shorter_once_in_the_time_they_wait() {
        let (mut patience, now) = (Patience::default(), start());
        (0..50).for_each(|_| patience.gone(seconds(2.0), now));
        (0..50).for_each(|_| patience.gone(seconds(2.0), now + seconds(1.0)));
        assert!(patience.limit(now + seconds(1.0)) >= Some(seconds(1.4)), "what was let in before is still going");
        (0..50).for_each(|_| patience.gone(seconds(2.0), now + seconds(3.0)));
        assert!(patience.limit(now + seconds(3.0)) < Some(seconds(1.1)));
    }

    #[test]
    fn a_few_who_leave_and_those_who_leave_at_once_change_nothing() {
        let (mut patience, now) = (Patience::default(), start());
        (0..1000).for_each(|_| patience.gone(seconds(0.1), now));
        (0..200).for_each(|_| patience.stayed());
        (0..9).for_each(|_| patience.gone(seconds(2.0), now));
        assert_eq!(patience.limit(now), None);
    }

    #[test]
    fn it_never_becomes_shorter_than_what_tells_nothing() {
        let (mut patience, mut now) = (Patience::default(), start());
        for _ in 0..100 {
            now += seconds(10.0);
            (0..50).for_each(|_| patience.gone(seconds(0.3), now));
        }
        assert!(patience.limit(now) >= Some(LEAST));
    }

    #[test]
    fn once_all_stay_it_grows_again() {
        let (mut patience, now) = (Patience::default(), start());
        (0..50).for_each(|_| patience.gone(seconds(2.0), now));
        assert!(patience.limit(now + seconds(10.0)) > Some(seconds(1.6)));
        assert!(patience.limit(now + seconds(3600.0)) > Some(seconds(60.0)));
    }
}
