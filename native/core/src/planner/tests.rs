//! The planner's rules as sentences, and its invariants as properties.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{Batch, Class, CloseReason, Flow, Item, ModelId, OVERTAKING, Planner, PlannerConfig, TextId};

const BASE: PlannerConfig = PlannerConfig { lanes: 2, max_batch_cost: 100, models: 6 };

fn planner(lanes: usize) -> Planner {
    Planner::new(PlannerConfig { lanes, ..BASE })
}

/// Any instant: only differences matter.
#[expect(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
fn start() -> Instant {
    Instant::now()
}

/// A text of a request of its own, which costs the first `models` models the same.
fn add(planner: &mut Planner, models: usize, cost: usize) -> TextId {
    enqueue(planner, &mut Flow::default(), items(models, cost))
}

fn enqueue(planner: &mut Planner, flow: &mut Flow, items: Vec<Item>) -> TextId {
    planner.enqueue(flow, Class::Interactive, items, start())
}

fn items(models: usize, cost: usize) -> Vec<Item> {
    (0..models).map(|model| Item { model: ModelId(model), cost }).collect()
}

fn cancel(planner: &mut Planner, text: TextId) {
    (0..BASE.models).for_each(|model| planner.cancel(text, ModelId(model)));
}

/// Runs everything, a batch at a time; the texts in the order in which they run.
fn drain(planner: &mut Planner) -> Vec<TextId> {
    let mut order = Vec::new();
    while let Some(batch) = poll(planner) {
        planner.finish(batch.id);
        order.extend(batch.texts);
    }
    order
}

fn is_idle(planner: &Planner) -> bool {
    !planner.has_batch() && !planner.is_running()
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
    assert_eq!((batch.texts.len(), batch.cost, batch.reason), (3, 90, CloseReason::TokenBudget));
}

#[test]
fn a_text_longer_than_the_budget_runs_alone() {
    let mut planner = planner(1);
    add(&mut planner, 1, 512);
    assert_eq!(poll(&mut planner).unwrap().cost, 512);
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
    let order = drain(&mut planner);
    assert_eq!(order.iter().position(|&text| text == long), Some(passing));
    assert!(passing > 150, "{passing} short texts pass");
    assert!(order[..passing].is_sorted() && order[passing + 1..].is_sorted(), "short texts keep their order");
}

#[test]
fn a_long_text_does_not_blow_up_the_rectangle_of_many_short_ones() {
    let mut planner = planner(1);
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
    let item = |model, cost| Item { model: ModelId(model), cost };
    let both = enqueue(&mut planner, &mut Flow::default(), vec![item(0, 3), item(1, 4)]);
    let one = enqueue(&mut planner, &mut Flow::default(), vec![item(1, 5)]);
    let first = poll(&mut planner).unwrap();
    assert_eq!((first.model.0, first.texts), (0, vec![both]));
    planner.finish(first.id);
    let second = poll(&mut planner).unwrap();
    assert_eq!((second.model.0, second.texts, second.cost), (1, vec![both, one], 9));
}

#[test]
fn the_text_of_a_newcomer_does_not_stand_behind_a_thousand_of_one_request() {
    let mut planner = planner(1);
    let mut many = Flow::default();
    let first = enqueue(&mut planner, &mut many, items(1, 20));
    let running = poll(&mut planner).unwrap();
    for _ in 1..1000 {
        enqueue(&mut planner, &mut many, items(1, 20));
    }
    let newcomer = add(&mut planner, 1, 20);
    planner.finish(running.id);
    let order = drain(&mut planner);
    assert_eq!((first, order.len()), (running.texts[0], 1000));
    assert!(order.iter().position(|&text| text == newcomer) <= Some(1), "one of the thousand at most goes first");
    let rest: Vec<TextId> = order.into_iter().filter(|&text| text != newcomer).collect();
    assert!(rest.is_sorted(), "a request's texts keep their order");
}

#[test]
fn requests_of_many_texts_take_turns() {
    let mut planner = planner(1);
    let running = (add(&mut planner, 1, 1), poll(&mut planner).unwrap().id);
    let (mut one, mut other) = (Flow::default(), Flow::default());
    let ones: Vec<TextId> = (0..50).map(|_| enqueue(&mut planner, &mut one, items(1, 20))).collect();
    let others: Vec<TextId> = (0..50).map(|_| enqueue(&mut planner, &mut other, items(1, 20))).collect();
    planner.finish(running.1);
    let order = drain(&mut planner);
    let half = &order[..50];
    let of_first = half.iter().filter(|text| ones.contains(text)).count();
    assert!((24..=26).contains(&of_first), "{of_first} of the first fifty");
    assert!(half.contains(&others[20]));
}

#[test]
fn what_is_in_no_hurry_lets_others_pass_but_not_for_ever() {
    let mut planner = planner(1);
    let running = (add(&mut planner, 1, 1), poll(&mut planner).unwrap().id);
    let patient = planner.enqueue(&mut Flow::default(), Class::Batch, items(1, 100), start());
    for _ in 0..1000 {
        add(&mut planner, 1, 100);
    }
    planner.finish(running.1);
    let position = drain(&mut planner).iter().position(|&text| text == patient).unwrap();
    assert!((160..170).contains(&position), "after {position} of a hundred each");
}

#[test]
fn a_cancelled_text_leaves_the_queue_and_the_group() {
    let mut planner = planner(1);
    let (first, second, third) = (add(&mut planner, 2, 10), add(&mut planner, 2, 10), add(&mut planner, 2, 95));
    let running = poll(&mut planner).unwrap();
    assert_eq!(running.texts, [first, second]);
    cancel(&mut planner, second);
    cancel(&mut planner, third);
    cancel(&mut planner, third);
    assert_eq!((planner.backlog(ModelId(0)).texts, planner.backlog(ModelId(1)).texts), (0, 1));
    planner.finish(running.id);
    let next = poll(&mut planner).unwrap();
    assert_eq!((next.model.0, next.texts.clone(), next.cost), (1, vec![first], 10));
    planner.finish(next.id);
    assert!(is_idle(&planner) && poll(&mut planner).is_none());
}

#[test]
fn a_group_whose_texts_are_all_cancelled_makes_room_for_the_next() {
    let mut planner = planner(1);
    let gone = add(&mut planner, 2, 60);
    let running = poll(&mut planner).unwrap();
    cancel(&mut planner, gone);
    planner.finish(running.id);
    assert!(is_idle(&planner) && poll(&mut planner).is_none());
    let next = add(&mut planner, 1, 60);
    assert_eq!(poll(&mut planner).unwrap().texts, [next]);
}

#[test]
fn one_model_of_a_text_can_be_cancelled_alone() {
    let mut planner = planner(1);
    let text = add(&mut planner, 3, 10);
    planner.cancel(text, ModelId(1));
    let mut ran = Vec::new();
    while let Some(batch) = poll(&mut planner) {
        planner.finish(batch.id);
        ran.push(batch.model.0);
    }
    assert_eq!(ran, [0, 2]);
}

#[test]
fn tells_how_long_each_text_waited() {
    let (mut planner, now) = (planner(1), start());
    planner.enqueue(&mut Flow::default(), Class::Interactive, items(1, 1), now);
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
    assert_eq!((backlog.texts, backlog.cost), (2, 130));
    assert_eq!(planner.backlog(ModelId(0)).texts, 1, "the first text's batch runs");
}

#[derive(Clone, Debug)]
enum Step {
    /// A text of one of a few requests, or of one of its own; what it costs which models.
    Add {
        flow: Option<usize>,
        items: Vec<Item>,
    },
    Cancel {
        text: usize,
        model: Option<usize>,
    },
    Poll,
    Finish(usize),
}

/// Any set of models, each with a cost of its own.
fn ragged() -> impl Strategy<Value = Vec<Item>> {
    let costs = prop::collection::vec(prop::option::of(1usize..200), BASE.models);
    costs.prop_filter_map("a text has a model", |costs| {
        let items = costs.into_iter().enumerate();
        let items: Vec<Item> =
            items.filter_map(|(model, cost)| Some(Item { model: ModelId(model), cost: cost? })).collect();
        (!items.is_empty()).then_some(items)
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (prop::option::of(0usize..3), ragged()).prop_map(|(flow, items)| Step::Add { flow, items }),
        1 => (0usize..100, prop::option::of(0..BASE.models)).prop_map(|(text, model)| Step::Cancel { text, model }),
        4 => Just(Step::Poll),
        3 => (0usize..8).prop_map(Step::Finish),
    ]
}

proptest! {
    /// Whatever happens in whatever order: every item of every text that is not cancelled runs exactly once, lanes
    /// are never oversubscribed, the budget holds, and the backlog is what waits.
    #[test]
    fn nothing_is_lost_or_run_twice(lanes in 1usize..6, steps in prop::collection::vec(step(), 1..120)) {
        let mut planner = planner(lanes);
        let mut flows = [Flow::default(); 3];
        let mut texts: Vec<(TextId, Vec<Item>)> = Vec::new();
        let mut waiting: HashMap<(TextId, ModelId), usize> = HashMap::new();
        let mut cancelled: Vec<(TextId, ModelId)> = Vec::new();
        let mut ran: HashMap<(TextId, ModelId), usize> = HashMap::new();
        let mut running: Vec<Batch> = Vec::new();
        let drain = std::iter::repeat_n([Step::Poll, Step::Finish(0)], 2000).flatten();
        for step in steps.into_iter().chain(drain) {
            match step {
                Step::Add { flow, items } => {
                    let mut own = Flow::default();
                    let flow = flow.map_or(&mut own, |flow| &mut flows[flow]);
                    let id = enqueue(&mut planner, flow, items.clone());
                    waiting.extend(items.iter().map(|item| ((id, item.model), item.cost)));
                    texts.push((id, items));
                }
                Step::Cancel { text, model } => {
                    let Some((id, items)) = texts.get(text) else { continue };
                    for item in items.iter().filter(|item| model.is_none_or(|model| item.model.0 == model)) {
                        planner.cancel(*id, item.model);
                        waiting.remove(&(*id, item.model));
                        cancelled.push((*id, item.model));
                    }
                }
                Step::Poll => {
                    let Some(batch) = poll(&mut planner) else { continue };
                    prop_assert!(batch.cost <= BASE.max_batch_cost || batch.texts.len() == 1);
                    for &id in &batch.texts {
                        prop_assert!(waiting.remove(&(id, batch.model)).is_some(), "not waiting");
                        *ran.entry((id, batch.model)).or_default() += 1;
                    }
                    running.push(batch);
                }
                Step::Finish(index) => {
                    if index < running.len() {
                        planner.finish(running.remove(index).id);
                    }
                }
            }
            prop_assert!(running.len() * planner.threads_per_batch() <= lanes);
            for model in (0..BASE.models).map(ModelId) {
                let costs = || waiting.iter().filter(|((_, other), _)| *other == model).map(|(_, cost)| *cost);
                let backlog = planner.backlog(model);
                prop_assert_eq!((backlog.texts, backlog.cost), (costs().count(), costs().sum::<usize>()));
            }
        }
        prop_assert!(is_idle(&planner));
        prop_assert!(waiting.is_empty());
        for (id, items) in texts {
            for item in items {
                let times = ran.get(&(id, item.model)).copied().unwrap_or(0);
                let expected = if cancelled.contains(&(id, item.model)) { 0..=1 } else { 1..=1 };
                prop_assert!(expected.contains(&times));
            }
        }
    }

    /// Requests of several texts: no text is overtaken further by any younger one than it may be.
    #[test]
    fn no_text_is_overtaken_too_far_by_any_request(
        requests in prop::collection::vec(prop::collection::vec(1usize..60, 1..12), 1..20),
    ) {
        let mut planner = planner(1);
        // Of each text its request and cost, by id; all are there before any is run, the hardest case.
        let mut texts: Vec<(usize, usize)> = Vec::new();
        for (request, costs) in requests.iter().enumerate() {
            let mut flow = Flow::default();
            for &cost in costs {
                let item = Item { model: ModelId(0), cost };
                planner.enqueue(&mut flow, Class::Interactive, vec![item], start());
                texts.push((request, cost));
            }
        }
        let order = drain(&mut planner);
        prop_assert_eq!(order.len(), texts.len());
        for (place, &TextId(id)) in order.iter().enumerate() {
            let (request, cost) = texts[id as usize];
            for younger in request + 1..requests.len() {
                let before = order[..place].iter().map(|&TextId(other)| texts[other as usize]);
                let overtakers: usize = before.filter(|&(other, _)| other == younger).map(|(_, cost)| cost).sum();
                let own: usize = texts[..=id as usize].iter().filter(|(other, _)| *other == request).map(|(_, cost)| cost).sum();
                // Behind its request's other texts it also waits its turn.
                prop_assert!(overtakers <= OVERTAKING * cost + own - cost);
            }
        }
    }

    /// Requests of one text each: none is overtaken further than it may be.
    #[test]
    fn no_text_is_overtaken_too_far(costs in prop::collection::vec(1usize..200, 1..80), polls in prop::collection::vec(0usize..3, 80)) {
        let mut planner = planner(1);
        let mut started: Vec<TextId> = Vec::new();
        for (&cost, polls) in costs.iter().zip(polls) {
            add(&mut planner, 1, cost);
            for _ in 0..polls {
                if let Some(batch) = poll(&mut planner) {
                    started.extend(&batch.texts);
                    planner.finish(batch.id);
                }
            }
        }
        started.extend(drain(&mut planner));
        prop_assert_eq!(started.len(), costs.len());
        for (place, &TextId(id)) in started.iter().enumerate() {
            // Ids count up from 0.
            let younger = started[..place].iter().filter(|&&TextId(other)| other > id);
            let overtakers: usize = younger.map(|&TextId(other)| costs[other as usize]).sum();
            prop_assert!(overtakers <= OVERTAKING * costs[id as usize]);
        }
    }
}
