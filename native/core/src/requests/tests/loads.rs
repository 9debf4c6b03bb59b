//! Models that are loaded on demand: as sentences, and as a property over everything that can happen to them.

use std::{collections::BTreeSet, mem};

use proptest::prelude::*;

use super::{
    super::{LoadJob, LoadTime, NoRoom, check_room},
    *,
};

const LAZY: Footprint = Footprint { bytes: 1, load: LoadTime::Lazy, is_loaded: false };
const EAGER: Footprint = Footprint { bytes: 1, load: LoadTime::Eager, is_loaded: false };

/// Three models of which so many may be loaded.
fn lazy(budget: usize) -> Played {
    with_budget([LAZY; MODELS], Some(budget))
}

fn with_budget(footprints: [Footprint; MODELS], model_memory: Option<usize>) -> Played {
    let planner = PlannerConfig { lanes: 2, max_batch_cost: 100, models: MODELS };
    Played::with(RequestsConfig { planner, capacity: CAPACITY, max_wait: None, model_memory }, footprints)
}

impl Played {
    fn ask(&mut self, model: usize) -> Ticket {
        let ticket = self.submit(&[&format!("text {}", self.next)], &[model]).expect("room");
        self.prepare_all();
        ticket
    }

    fn next_load(&mut self) -> Option<LoadJob> {
        let may_load = self.requests.has_load();
        let job = self.requests.next_load(self.now);
        assert!(may_load || job.is_none(), "somebody would have to be woken for it");
        job
    }

    fn loaded(&mut self, model: usize) {
        let replies = self.requests.loaded(ModelId(model), SECOND, self.now);
        self.replies.extend(replies);
    }

    fn load_failed(&mut self, model: usize) -> Duration {
        let (replies, pause) = self.requests.load_failed(ModelId(model), self.now);
        self.replies.extend(replies);
        pause
    }

    /// Loads and runs until there is nothing to do.
    fn settle(&mut self) -> Vec<LoadJob> {
        let mut jobs = Vec::new();
        loop {
            self.run();
            let Some(job) = self.next_load() else { return jobs };
            self.loaded(job.model.0);
            jobs.push(job);
        }
    }
}

fn job(model: usize, evict: &[usize]) -> LoadJob {
    LoadJob { model: ModelId(model), evict: evict.iter().copied().map(ModelId).collect() }
}

#[test]
fn a_model_is_loaded_for_the_first_that_asks_once_for_all_who_come_meanwhile() {
    let mut played = lazy(3);
    let first = played.ask(0);
    assert_eq!(played.next_load(), Some(job(0, &[])));
    let second = played.ask(0);
    assert_eq!(played.next_load(), None);
    assert!(played.begin().is_none(), "it is not there");
    played.loaded(0);
    assert_eq!(played.settle(), []);
    assert!(played.reply(first).is_ok() && played.reply(second).is_ok());
}

#[test]
fn others_are_answered_while_a_model_is_loaded() {
    let mut played = with_budget([LAZY, EAGER, LAZY], Some(3));
    let both = played.submit(&["a"], &[0, 1]).unwrap();
    played.prepare_all();
    played.next_load().unwrap();
    let other = played.ask(1);
    played.run();
    assert!(played.is_answered(other) && !played.is_answered(both));
    assert_eq!(played.requests.stats(played.now).models[1].texts_done, 2, "what is there does not wait for the rest");
    played.loaded(0);
    played.run();
    assert_eq!(played.numbers(both), [1.0, 0.0, 1.0, 1.0]);
}

#[test]
fn the_longest_unused_goes() {
    let mut played = lazy(2);
    for model in [0, 1, 0] {
        played.ask(model);
        played.settle();
    }
    played.ask(2);
    assert_eq!(played.settle(), [job(2, &[1])]);
    played.ask(1);
    assert_eq!(played.settle(), [job(1, &[0])]);
}

#[test]
fn nothing_goes_while_there_is_room_and_nothing_that_was_loaded_at_start() {
    let mut played = with_budget([EAGER, LAZY, LAZY], Some(2));
    played.ask(1);
    assert_eq!(played.settle(), [job(1, &[])]);
    played.ask(2);
    assert_eq!(played.settle(), [job(2, &[1])]);
    let mut unbounded = with_budget([LAZY; MODELS], None);
    for model in 0..MODELS {
        unbounded.ask(model);
        assert_eq!(unbounded.settle(), [job(model, &[])]);
    }
}

#[test]
fn a_model_in_use_goes_when_its_work_is_done_and_comes_again_for_what_waited() {
    let mut played = lazy(1);
    played.ask(0);
    let first = played.next_load().unwrap();
    played.loaded(first.model.0);
    let running = played.begin().unwrap();
    let other = played.ask(1);
    assert_eq!(played.next_load(), None, "it runs");
    let late = played.ask(0);
    assert!(played.begin().is_none(), "it takes no new work");
    played.finish(&running);
    assert_eq!(played.next_load(), Some(job(1, &[0])));
    played.loaded(1);
    assert_eq!(played.settle(), [job(0, &[1])]);
    assert!(played.reply(other).is_ok() && played.reply(late).is_ok());
}

#[test]
fn a_model_that_drains_for_somebody_who_has_gone_takes_work_again() {
    let mut played = lazy(1);
    played.ask(0);
    let first = played.next_load().unwrap();
    played.loaded(first.model.0);
    let running = played.begin().unwrap();
    let gone = played.ask(1);
    assert_eq!(played.next_load(), None);
    let late = played.ask(0);
    played.cancel(gone);
    assert_eq!(played.next_load(), None);
    let second = played.begin().expect("the late one runs beside it");
    played.finish(&running);
    played.finish(&second);
    assert!(played.is_answered(late));
    assert_eq!(played.settle(), []);
}

#[test]
fn one_request_may_ask_for_more_than_fits() {
    let mut played = lazy(1);
    let ticket = played.submit(&["a"], &[0, 1, 2]).unwrap();
    assert_eq!(played.settle(), [job(0, &[]), job(1, &[0]), job(2, &[1])]);
    assert_eq!(played.numbers(ticket), [1.0, 0.0, 1.0, 1.0, 1.0, 2.0]);
}

#[test]
fn nobody_waits_for_ever_for_models_that_are_always_in_use() {
    let mut played = lazy(1);
    let mut running = None;
    played.ask(0);
    played.settle();
    let patient = played.ask(1);
    let served = (0..10).any(|_| {
        played.ask(0);
        if let Some(job) = played.next_load() {
            assert_eq!(job.model, ModelId(1));
            return true;
        }
        let before = mem::replace(&mut running, played.begin());
        if let Some(work) = before {
            played.finish(&work);
        }
        false
    });
    assert!(served, "it waits for ever");
    played.loaded(1);
    played.settle();
    assert!(played.reply(patient).is_ok());
}

#[test]
fn a_load_that_fails_answers_who_waits_and_is_tried_again_after_a_growing_pause() {
    let mut played = lazy(3);
    let waits = played.submit(&["a"], &[0, 1]).unwrap();
    played.prepare_all();
    let unprepared = played.submit(&["b"], &[0]).unwrap();
    played.next_load().unwrap();
    assert_eq!(played.load_failed(0), SECOND);
    let refused = InferError::ModelUnavailable { model: "model-0".to_owned(), retry_after: SECOND };
    assert_eq!(refused.code(), "model_unavailable");
    assert_eq!(refused.retry_after(), Some(SECOND));
    assert_eq!(played.reply(waits), &Err(refused.clone()));
    played.prepare_all();
    assert_eq!(played.reply(unprepared), &Err(refused));
    played.now += SECOND / 4;
    let left = played.submit(&["c"], &[0]).unwrap_err();
    assert_eq!(left.retry_after(), Some(3 * SECOND / 4));
    played.now += SECOND;
    for pause in [2, 4, 8, 16, 32, 60, 60] {
        played.ask(0);
        assert_eq!(played.settle_until_load(), ModelId(0));
        assert_eq!(played.load_failed(0), pause * SECOND);
        played.now += pause * SECOND;
    }
    let served = played.ask(0);
    assert_eq!(played.settle_until_load(), ModelId(0));
    played.loaded(0);
    played.run();
    assert!(played.reply(served).is_ok());
    let stats = played.requests.stats(played.now);
    assert_eq!((stats.models[0].loads.done, stats.models[0].loads.failed), (1, 8));
    assert_eq!(stats.models[0].errors.iter().find(|(reason, _)| *reason == "not_loaded"), Some(&("not_loaded", 9)));
}

impl Played {
    fn settle_until_load(&mut self) -> ModelId {
        loop {
            let job = self.next_load().expect("something to load");
            if job.model == ModelId(0) {
                return job.model;
            }
            self.loaded(job.model.0);
        }
    }
}

#[test]
fn a_deadline_that_passes_while_the_model_is_loaded_is_told_and_nothing_of_it_is_left() {
    let mut played = lazy(1);
    let late = played.submit_texts(vec![("a".to_owned(), vec![0])], Some(SECOND)).unwrap();
    played.prepare_all();
    played.next_load().unwrap();
    played.now += SECOND;
    played.expire();
    assert_eq!(played.reply(late), &Err(InferError::DeadlineExceeded { after: SECOND }));
    played.loaded(0);
    assert!(played.begin().is_none());
}

#[test]
fn a_model_that_nobody_waits_for_any_more_is_not_loaded() {
    let mut played = lazy(1);
    let gone = played.ask(0);
    played.cancel(gone);
    assert_eq!(played.next_load(), None);
}

#[test]
fn waiting_for_a_load_is_no_standstill() {
    let mut played = with_budget([LAZY, EAGER, LAZY], None);
    played.ask(0);
    played.next_load().unwrap();
    played.now += 100 * SECOND;
    assert_eq!(played.requests.stats(played.now).since_progress, Duration::ZERO);
    played.ask(1);
    played.now += SECOND;
    assert_eq!(played.requests.stats(played.now).since_progress, SECOND, "of the one that could run");
}

#[test]
fn what_can_never_fit_is_known_before_anything_is_loaded() {
    let sizes = |sizes: [usize; 2]| [Footprint { bytes: sizes[0], ..EAGER }, Footprint { bytes: sizes[1], ..LAZY }];
    assert_eq!(check_room(&sizes([4, 6]), Some(10)), Ok(()));
    assert_eq!(check_room(&sizes([4, 7]), None), Ok(()));
    let refused = check_room(&sizes([4, 7]), Some(10)).unwrap_err();
    assert_eq!(refused, NoRoom::Lazy { model: 1, bytes: 7, budget: 10, eager: 4 });
    assert_eq!(check_room(&sizes([11, 1]), Some(10)), Err(NoRoom::Eager { budget: 10, eager: 11 }));
}

#[derive(Clone, Debug)]
enum Step {
    Submit { texts: Vec<(u8, Vec<usize>)>, within: Option<u64> },
    Prepare,
    Cancel(u64),
    Wait(u64),
    Begin,
    Finish(usize),
    Load,
    LoadEnds { well: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let models = prop::sample::subsequence(vec![0, 1, 2], 1..=3).prop_shuffle();
    let texts = prop::collection::vec((0..4_u8, models), 1..3);
    prop_oneof![
        4 => (texts, prop::option::of(0..3_000_u64)).prop_map(|(texts, within)| Step::Submit { texts, within }),
        5 => Just(Step::Prepare),
        1 => (0..30_u64).prop_map(Step::Cancel),
        1 => (0..2_000_u64).prop_map(Step::Wait),
        4 => Just(Step::Begin),
        4 => (0..2_usize).prop_map(Step::Finish),
        4 => Just(Step::Load),
        4 => prop::bool::weighted(0.8).prop_map(|well| Step::LoadEnds { well }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Everybody is answered once and rightly, the budget is kept, and nothing goes that works.
    #[test]
    fn every_request_is_answered_within_the_budget(
        steps in prop::collection::vec(step(), 0..120),
        budget in 3..=5_usize,
    ) {
        let footprint = |bytes| Footprint { bytes, ..LAZY };
        let mut played = with_budget([EAGER, footprint(1), footprint(2)], Some(budget));
        let mut asked = HashMap::new();
        let mut running: Vec<Work> = Vec::new();
        let mut loading: Option<ModelId> = None;
        // At the end everything is finished.
        let rest = (0..200).flat_map(|_| [Step::Prepare, Step::LoadEnds { well: true }, Step::Begin, Step::Finish(0), Step::Load]);
        for step in steps.into_iter().chain(rest) {
            match step {
                Step::Submit { texts, within } => {
                    let texts: Vec<_> = texts.into_iter().map(|(text, models)| (text.to_string(), models)).collect();
                    if let Ok(ticket) = played.submit_texts(texts.clone(), within.map(Duration::from_millis)) {
                        asked.insert(ticket, texts);
                    }
                }
                Step::Prepare => {
                    if let Some(job) = played.requests.next_text() {
                        played.prepare(&job);
                    }
                }
                Step::Cancel(ticket) => played.cancel(Ticket(ticket)),
                Step::Wait(ms) => {
                    played.now += Duration::from_millis(ms);
                    played.expire();
                }
                Step::Begin => {
                    let Some(work) = played.begin() else { continue };
                    let model = work.batch.model;
                    prop_assert!(played.requests.residency.is_loaded(model), "it runs on a model that is not there");
                    running.push(work);
                }
                Step::Finish(which) => {
                    if which < running.len() {
                        let work = running.remove(which);
                        played.finish(&work);
                    }
                }
                Step::Load => {
                    let Some(LoadJob { model, evict }) = played.next_load() else { continue };
                    prop_assert_eq!(loading.replace(model), None, "one at a time");
                    for gone in evict {
                        prop_assert!(gone != ModelId(0), "it is loaded for good");
                        prop_assert!(running.iter().all(|work| work.batch.model != gone), "it works");
                        prop_assert_eq!(played.requests.planner.backlog(gone).texts, 0, "texts wait in its queue");
                    }
                }
                Step::LoadEnds { well } => match loading.take() {
                    Some(model) if well => played.loaded(model.0),
                    Some(model) => drop(played.load_failed(model.0)),
                    None => {}
                },
            }
            prop_assert!(played.requests.residency.used_bytes() <= budget);
        }
        prop_assert!(played.requests.is_drained(), "somebody waits for ever");
        prop_assert_eq!(played.requests.held, 0);
        prop_assert!(played.requests.waiting.iter().all(BTreeSet::is_empty));
        prop_assert_eq!(played.replies.len(), asked.len());
        for (ticket, texts) in asked {
            match played.reply(ticket) {
                Ok(answer) => {
                    let rows = texts.iter().flat_map(|(text, models)| {
                        models.iter().flat_map(|&model| [text.len() as f32, model as f32])
                    });
                    prop_assert_eq!(&answer.numbers, &rows.collect::<Vec<_>>());
                }
                Err(InferError::Cancelled | InferError::DeadlineExceeded { .. } | InferError::ModelUnavailable { .. }) => {}
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
