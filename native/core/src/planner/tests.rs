//! The planner's rules as sentences, and its invariants as properties.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{Batch, CloseReason, Item, ModelId, OVERTAKING, Planner, PlannerConfig, QueueFull, TextId};

const BASE: PlannerConfig = PlannerConfig { lanes: 2, max_batch_tokens: 100, capacity: 1000 };

fn planner(lanes: usize) -> Planner {
    Planner::new(PlannerConfig { lanes, ..BASE })
}

/// Any instant: only differences matter.
#[expect(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
fn start() -> Instant {
    Instant::now()
}

fn add(planner: &mut Planner, models: usize, tokens: usize) -> TextId {
    planner.reserve(1).unwrap();
    planner.enqueue((0..models).map(|model| Item { model: ModelId(model), tokens }).collect(), start())
}

fn poll(planner: &mut Planner) -> Option<Batch> {
    let expected = planner.has_batch();
    let batch = planner.poll_batch(start());
    assert_eq!(batch.is_some(), expected);
    batch
}

fn models_of(batches: &[Batch]) -> Vec<usize> {
    batches.iter().map(|batch| batch.model.0).collect()
}

#[test]
fn a_free_lane_takes_what_waits_at_once() {
    let mut planner = planner(1);
    let first = add(&mut planner, 1, 10);
    let batch = poll(&mut planner).unwrap();
    assert_eq!((batch.texts.clone(), batch.reason), (vec![first], CloseReason::Drained));
    let (second, third) = (add(&mut planner, 1, 10), add(&mut planner, 1, 10));
    assert_eq!(poll(&mut planner), None, "the only lane is busy");
    planner.finish(batch.id);
    assert_eq!(poll(&mut planner).unwrap().texts, [second, third]);
}

#[test]
fn all_models_of_one_group_start_before_any_of_the_next() {
    let mut planner = planner(1);
    add(&mut planner, 3, 60);
    add(&mut planner, 3, 60);
    let mut order = Vec::new();
    while let Some(batch) = poll(&mut planner) {
        planner.finish(batch.id);
        order.push((batch.texts[0].0, batch.model.0));
    }
    assert_eq!(order, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
}

#[test]
fn closes_the_batch_when_the_token_budget_is_spent() {
    let mut planner = planner(1);
    for _ in 0..4 {
        add(&mut planner, 1, 30);
    }
    let batch = poll(&mut planner).unwrap();
    assert_eq!((batch.texts.len(), batch.tokens, batch.reason), (3, 90, CloseReason::TokenBudget));
}

#[test]
fn a_text_longer_than_the_budget_runs_alone() {
    let mut planner = planner(1);
    add(&mut planner, 1, 512);
    assert_eq!(poll(&mut planner).unwrap().tokens, 512);
}

#[test]
fn hundreds_of_short_texts_pass_a_long_one_and_then_it_runs() {
    let mut planner = planner(1);
    let running = (add(&mut planner, 1, 100), poll(&mut planner).unwrap().id);
    let long = add(&mut planner, 1, 512);
    let short = 20;
    // The last one that may pass begins `OVERTAKING` × (512 - 20) tokens after the long text.
    let passing = (OVERTAKING * (512 - short) - 512).div_ceil(short);
    for _ in 0..300 {
        add(&mut planner, 1, short);
    }
    planner.finish(running.1);
    let mut order = Vec::new();
    while let Some(batch) = poll(&mut planner) {
        planner.finish(batch.id);
        order.extend(batch.texts);
    }
    assert_eq!(order.iter().position(|&text| text == long), Some(passing));
    assert!(passing > 150, "{passing} short texts pass");
    assert!(order[..passing].is_sorted() && order[passing + 1..].is_sorted(), "short texts keep their order");
}

#[test]
fn a_long_text_does_not_blow_up_the_rectangle_of_many_short_ones() {
    let mut planner = Planner::new(PlannerConfig { lanes: 1, max_batch_tokens: 100, capacity: 100 });
    add(&mut planner, 1, 80);
    for _ in 0..10 {
        add(&mut planner, 1, 2);
    }
    let batch = poll(&mut planner).unwrap();
    assert_eq!((batch.texts.len(), batch.reason), (10, CloseReason::Padding), "11 rows of 80 cells are 880");
}

#[test]
fn idle_lanes_share_what_waits() {
    let mut planner = planner(2);
    for _ in 0..6 {
        add(&mut planner, 1, 10);
    }
    let (first, second) = (poll(&mut planner).unwrap(), poll(&mut planner).unwrap());
    assert_eq!((first.texts.len(), second.texts.len()), (3, 3));
    assert_eq!((first.reason, planner.threads_per_batch()), (CloseReason::Shared, 1));
}

#[test]
fn a_lone_batch_has_every_thread_until_another_comes() {
    let mut planner = planner(4);
    add(&mut planner, 1, 10);
    let first = poll(&mut planner).unwrap();
    assert_eq!(planner.threads_per_batch(), 4);
    add(&mut planner, 1, 10);
    assert_eq!(planner.threads_per_batch(), 2, "as soon as there is work for another lane");
    let second = poll(&mut planner).unwrap();
    assert_eq!(planner.threads_per_batch(), 2);
    planner.finish(first.id);
    assert_eq!(planner.threads_per_batch(), 4);
    planner.finish(second.id);
}

#[test]
fn five_items_on_two_lanes_run_side_by_side_and_the_last_one_wide() {
    let mut planner = planner(2);
    add(&mut planner, 5, 10);
    let mut running = vec![poll(&mut planner).unwrap(), poll(&mut planner).unwrap()];
    assert_eq!(models_of(&running), [0, 1]);
    for expected in [2, 3, 4] {
        planner.finish(running.remove(0).id);
        running.push(poll(&mut planner).unwrap());
        assert_eq!((running[1].model.0, planner.threads_per_batch()), (expected, 1));
    }
    planner.finish(running.remove(0).id);
    assert_eq!(poll(&mut planner), None);
    assert_eq!(planner.threads_per_batch(), 2, "the other lane's thread helps with the last batch");
}

#[test]
fn texts_may_ask_for_different_models() {
    let mut planner = planner(1);
    planner.reserve(2).unwrap();
    let both =
        planner.enqueue(vec![Item { model: ModelId(0), tokens: 3 }, Item { model: ModelId(1), tokens: 4 }], start());
    let one = planner.enqueue(vec![Item { model: ModelId(1), tokens: 5 }], start());
    let first = poll(&mut planner).unwrap();
    assert_eq!((first.model.0, first.texts), (0, vec![both]));
    planner.finish(first.id);
    let second = poll(&mut planner).unwrap();
    assert_eq!((second.model.0, second.texts, second.tokens), (1, vec![both, one], 9));
}

#[test]
fn refuses_what_exceeds_the_capacity_and_counts_until_the_answer() {
    let mut planner = Planner::new(PlannerConfig { lanes: 1, max_batch_tokens: 100, capacity: 2 });
    add(&mut planner, 1, 1);
    assert_eq!(planner.reserve(2), Err(QueueFull { capacity: 2 }), "all or none");
    planner.reserve(1).unwrap();
    assert_eq!(planner.reserve(1), Err(QueueFull { capacity: 2 }));
    planner.release(1);
    let batch = poll(&mut planner).unwrap();
    assert_eq!(planner.pending(), 1, "a running text keeps its place");
    planner.finish(batch.id);
    assert!(planner.is_idle());
}

#[test]
fn a_cancelled_text_leaves_the_queue_and_the_group() {
    let mut planner = planner(1);
    let (first, second, third) = (add(&mut planner, 2, 10), add(&mut planner, 2, 10), add(&mut planner, 2, 95));
    let running = poll(&mut planner).unwrap();
    assert_eq!(running.texts, [first, second]);
    planner.cancel(second);
    planner.cancel(third);
    assert_eq!(planner.pending(), 1);
    planner.finish(running.id);
    let next = poll(&mut planner).unwrap();
    assert_eq!((next.model.0, next.texts.clone(), next.tokens), (1, vec![first], 10));
    planner.finish(next.id);
    assert!(planner.is_idle() && poll(&mut planner).is_none());
}

#[test]
fn tells_how_long_each_text_waited() {
    let (mut planner, now) = (planner(1), start());
    planner.reserve(1).unwrap();
    planner.enqueue(vec![Item { model: ModelId(0), tokens: 1 }], now);
    let batch = planner.poll_batch(now + Duration::from_millis(7)).unwrap();
    assert_eq!(batch.waits, [Duration::from_millis(7)]);
}

#[test]
fn counts_the_backlog_by_model() {
    let mut planner = planner(1);
    add(&mut planner, 2, 60);
    add(&mut planner, 2, 70);
    poll(&mut planner).unwrap();
    let backlog = planner.backlog(ModelId(1));
    assert_eq!((backlog.texts, backlog.tokens), (2, 130));
    assert_eq!(planner.backlog(ModelId(0)).texts, 1, "the first text's batch runs");
}

#[derive(Clone, Debug)]
enum Step {
    Add { models: usize, tokens: usize },
    Cancel(usize),
    Poll,
    Finish(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1usize..6, 1usize..200).prop_map(|(models, tokens)| Step::Add { models, tokens }),
        1 => (0usize..100).prop_map(Step::Cancel),
        4 => Just(Step::Poll),
        3 => (0usize..8).prop_map(Step::Finish),
    ]
}

proptest! {
    /// Whatever happens in whatever order: every item of every text that is not cancelled runs
    /// exactly once, lanes are never oversubscribed, the budget holds, and no text is overtaken further than
    /// it may be.
    #[test]
    fn nothing_is_lost_or_run_twice(lanes in 1usize..6, steps in prop::collection::vec(step(), 1..120)) {
        let mut planner = planner(lanes);
        let mut wanted: HashMap<TextId, usize> = HashMap::new();
        let mut texts: Vec<TextId> = Vec::new();
        let mut cancelled: Vec<TextId> = Vec::new();
        let mut ran: HashMap<(TextId, usize), usize> = HashMap::new();
        let mut running: Vec<Batch> = Vec::new();
        let mut lengths: Vec<usize> = Vec::new();
        let mut started: Vec<TextId> = Vec::new();
        let drain = std::iter::repeat_n([Step::Poll, Step::Finish(0)], 2000).flatten();
        for step in steps.into_iter().chain(drain) {
            match step {
                Step::Add { models, tokens } => {
                    let id = add(&mut planner, models, tokens);
                    wanted.insert(id, models);
                    texts.push(id);
                    lengths.push(tokens);
                }
                Step::Cancel(index) => {
                    if let Some(&id) = texts.get(index) {
                        planner.cancel(id);
                        cancelled.push(id);
                    }
                }
                Step::Poll => {
                    if let Some(batch) = poll(&mut planner) {
                        prop_assert!(batch.tokens <= BASE.max_batch_tokens || batch.texts.len() == 1);
                        for &id in &batch.texts {
                            *ran.entry((id, batch.model.0)).or_default() += 1;
                        }
                        if batch.model.0 == 0 {
                            started.extend(&batch.texts);
                        }
                        running.push(batch);
                    }
                }
                Step::Finish(index) => {
                    if index < running.len() {
                        planner.finish(running.remove(index).id);
                    }
                }
            }
            prop_assert!(running.len() * planner.threads_per_batch() <= lanes);
        }
        prop_assert!(planner.is_idle());
        prop_assert!(ran.values().all(|&times| times == 1));
        // Ids count up from 0, and every text starts with model 0.
        for (place, &TextId(id)) in started.iter().enumerate() {
            let younger = started[..place].iter().filter(|&&TextId(other)| other > id);
            let overtakers: usize = younger.map(|&TextId(other)| lengths[other as usize]).sum();
            prop_assert!(overtakers <= OVERTAKING * lengths[id as usize]);
        }
        for (id, models) in wanted {
            let count = ran.keys().filter(|(text, _)| *text == id).count();
            prop_assert!(count == models || (cancelled.contains(&id) && count < models));
        }
    }
}
