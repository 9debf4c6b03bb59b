//! Measures that what waits costs nothing: a storm of requests comes and is taken back, all together.
//!
//! `cargo run --release -p chorus-core --example storm`
//!
//! Each line is a number of requests with one text for five models. Its columns are microseconds for one request:
//! to accept and prepare it, and to cancel it, oldest first, youngest first and shuffled. A cost that grew with the
//! number that waits would be seen from line to line; a factor of ten between two lines would be a walk over all of
//! them.

#![allow(clippy::disallowed_methods, reason = "it measures: the clock is what it is about")]

use std::time::{Duration, Instant};

use chorus_core::{
    content::Content,
    planner::{Class, ModelId, PlannerConfig},
    requests::{Footprint, InferRequest, Part, Requests, RequestsConfig, Served, TextJob, TextRequest, Ticket},
};

const MODELS: usize = 5;
const LANES: usize = 2;
const MAX_BATCH_COST: usize = 512;
const STORMS: [u64; 3] = [1_000, 10_000, 100_000];
/// The median of so many storms counts.
const ROUNDS: usize = 5;

fn main() {
    println!("requests   accept   oldest first   youngest first   shuffled   (µs each)");
    for requests in STORMS {
        let oldest_first: Vec<u64> = (0..requests).collect();
        let youngest_first: Vec<u64> = (0..requests).rev().collect();
        let (accepting, oldest) = median(requests, &oldest_first);
        let (_, youngest) = median(requests, &youngest_first);
        let (_, shuffled) = median(requests, &shuffled(requests));
        println!("{requests:>8} {accepting:>8.2} {oldest:>14.2} {youngest:>16.2} {shuffled:>10.2}");
    }
}

/// Microseconds for one request: to come, and to go.
fn median(requests: u64, order: &[u64]) -> (f64, f64) {
    let rounds: Vec<(Duration, Duration)> = (0..ROUNDS).map(|_| storm(requests, order)).collect();
    let middle = |pick: fn(&(Duration, Duration)) -> Duration| {
        let mut times: Vec<Duration> = rounds.iter().map(pick).collect();
        times.sort();
        times[ROUNDS / 2].as_secs_f64() * 1e6 / requests as f64
    };
    (middle(|round| round.0), middle(|round| round.1))
}

/// How long `requests` take to come, and to be cancelled in `order`, while every lane is busy.
fn storm(requests: u64, order: &[u64]) -> (Duration, Duration) {
    let now = Instant::now();
    let planner = PlannerConfig { lanes: LANES, max_batch_cost: MAX_BATCH_COST, models: MODELS };
    let served = |model: usize| Served { name: model.to_string(), max_cost: 512, footprint: Footprint::default() };
    let models = (0..MODELS).map(served).collect();
    let config = RequestsConfig { planner, capacity: requests as usize + LANES, max_wait: None, model_memory: None };
    let mut state = Requests::new(config, models, now);
    for lane in 0..LANES as u64 {
        come(&mut state, requests + lane, now);
        state.begin(now).expect("a free lane");
    }
    let started = Instant::now();
    (0..requests).for_each(|ticket| come(&mut state, ticket, now));
    let accepted = started.elapsed();
    let started = Instant::now();
    for &ticket in order {
        state.cancel(Ticket(ticket), now).expect("one reply to each");
    }
    (accepted, started.elapsed())
}

/// A request of one text of its own is accepted and prepared.
fn come(state: &mut Requests, ticket: u64, now: Instant) {
    let text = TextRequest { text: ticket.to_string().into(), models: (0..MODELS).map(ModelId).collect() };
    let request = InferRequest { texts: vec![text], deadline: None, class: Class::Interactive };
    assert_eq!(state.accept(Ticket(ticket), request, now), Ok(None), "there is room");
    let job: TextJob = state.next_text().expect("the text that came");
    let content = Content::Tokens([ticket as u32; 20].into());
    let part = |&model: &ModelId| Part { model, content: content.clone(), cost: 20, truncated: false };
    let parts = job.models.iter().map(part).collect();
    assert!(state.prepared(&job, parts, Duration::ZERO, now).is_none(), "it waits");
}

/// All numbers below `count` in an order that looks like none: steps of a prime.
fn shuffled(count: u64) -> Vec<u64> {
    (0..count).map(|index| index * 7_919 % count).collect()
}
