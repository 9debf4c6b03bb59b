//! The promises to a request as sentences, and as a property over everything that can happen to it.

mod loads;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use proptest::prelude::*;

use super::{
    Answer, BatchError, Demand, Footprint, InferError, InferRequest, Outcome, Part, Reply, Requests, RequestsConfig,
    Served, TextJob, TextRequest, Ticket, Work,
};
use crate::{
    content::Content,
    planner::{Class, ModelId, PlannerConfig},
};

const MODELS: usize = 3;
const CAPACITY: usize = 8;

/// Requests with a clock that is set by hand, and with every reply that came.
struct Played {
    requests: Requests,
    now: Instant,
    next: u64,
    replies: Vec<Reply>,
}

impl Played {
    fn new(lanes: usize) -> Self {
        Self::with_max_wait(lanes, None)
    }

    fn with_max_wait(lanes: usize, max_wait: Option<Duration>) -> Self {
        let planner = PlannerConfig { lanes, max_batch_cost: 100, models: MODELS };
        let config = RequestsConfig { planner, capacity: CAPACITY, max_wait, model_memory: None };
        Self::with(config, [Footprint::default(); MODELS])
    }

    #[expect(clippy::disallowed_methods, reason = "a test needs some instant to start from")]
    fn with(config: RequestsConfig, footprints: [Footprint; MODELS]) -> Self {
        let served = |(model, footprint)| Served { name: format!("model-{model}"), max_cost: 512, footprint };
        let models = footprints.into_iter().enumerate().map(served).collect();
        let now = Instant::now();
        let requests = Requests::new(config, models, now);
        Self { requests, now, next: 0, replies: Vec::new() }
    }

    fn submit(&mut self, texts: &[&str], models: &[usize]) -> Result<Ticket, InferError> {
        let texts = texts.iter().map(|&text| (text.to_owned(), models.to_vec())).collect();
        self.submit_texts(texts, None)
    }

    /// Why one text would be refused so long after now, as it is forecast now.
    fn refusal(&self, later: Duration) -> Option<InferError> {
        let demand = Demand { texts: 1, remaining: None, waited: Duration::ZERO };
        self.requests.forecast(self.now).refusal(demand, Class::Interactive, self.now + later)
    }

    fn submit_texts(
        &mut self,
        texts: Vec<(String, Vec<usize>)>,
        within: Option<Duration>,
    ) -> Result<Ticket, InferError> {
        let ticket = Ticket(self.next);
        self.next += 1;
        let texts = texts
            .into_iter()
            .map(|(text, models)| TextRequest { text: text.into(), models: models.into_iter().map(ModelId).collect() });
        let deadline = within.map(|within| self.now + within);
        let request = InferRequest { texts: texts.collect(), deadline, class: Class::Interactive };
        let reply = self.requests.accept(ticket, request, self.now)?;
        self.replies.extend(reply);
        Ok(ticket)
    }

    fn prepare(&mut self, job: &TextJob) {
        let parts = job.models.iter().map(|&model| Part {
            model,
            content: Content::Text(Arc::clone(&job.text)),
            cost: job.text.len(),
            truncated: job.text.len() > 3,
        });
        let reply = self.requests.prepared(job, parts.collect(), Duration::ZERO, self.now);
        self.replies.extend(reply);
    }

    fn prepare_all(&mut self) {
        while let Some(job) = self.requests.next_text() {
            self.prepare(&job);
        }
    }

    fn begin(&mut self) -> Option<Work> {
        let has_work = self.requests.has_work();
        let work = self.requests.begin(self.now);
        assert_eq!(work.is_some(), has_work);
        work
    }

    fn finish(&mut self, work: &Work) {
        self.finish_after(work, Duration::ZERO);
    }

    /// A batch has run for so long.
    fn finish_after(&mut self, work: &Work, elapsed: Duration) {
        self.now += elapsed;
        let outputs = work.flights.iter().map(|((_, model), content)| Ok(output(content, *model))).collect();
        let outcome = Outcome { outputs, computed: work.batch.cost, elapsed };
        self.replies.extend(self.requests.finish(work, outcome, self.now));
    }

    /// Prepares and runs everything.
    fn run(&mut self) {
        self.prepare_all();
        while let Some(work) = self.begin() {
            self.finish(&work);
        }
    }

    fn cancel(&mut self, ticket: Ticket) {
        self.replies.extend(self.requests.cancel(ticket, self.now));
    }

    fn expire(&mut self) {
        self.replies.extend(self.requests.expire(self.now));
    }

    /// The only reply to `ticket`.
    fn reply(&self, ticket: Ticket) -> &Result<Answer, InferError> {
        let mut own = self.replies.iter().filter(|reply| reply.ticket == ticket);
        let reply = own.next().expect("a reply");
        assert!(own.next().is_none(), "one reply");
        &reply.answer
    }

    fn numbers(&self, ticket: Ticket) -> &[f32] {
        &self.reply(ticket).as_ref().expect("an answer").numbers
    }

    fn is_answered(&self, ticket: Ticket) -> bool {
        self.replies.iter().any(|reply| reply.ticket == ticket)
    }

    fn pending(&self) -> usize {
        self.requests.stats(self.now).pending_texts
    }
}

/// What a model gives for a text: how long it is, and which model it was.
fn output(content: &Content, model: ModelId) -> Vec<f32> {
    let Content::Text(text) = content else { panic!("these tests have texts") };
    vec![text.len() as f32, model.0 as f32]
}

#[test]
fn answers_every_text_by_its_own_models_in_their_order() {
    let mut played = Played::new(1);
    let texts = vec![("a".to_owned(), vec![2, 0]), ("bbbb".to_owned(), vec![1])];
    let ticket = played.submit_texts(texts, None).unwrap();
    played.run();
    assert_eq!(played.numbers(ticket), [1.0, 2.0, 1.0, 0.0, 4.0, 1.0]);
    assert_eq!(played.reply(ticket).as_ref().unwrap().truncated, [(1, ModelId(1))]);
    assert_eq!(played.pending(), 0);
}

#[test]
fn a_request_without_texts_is_answered_at_once() {
    let mut played = Played::new(1);
    let ticket = played.submit(&[], &[0]).unwrap();
    assert_eq!(played.reply(ticket), &Ok(Answer::default()));
}

#[test]
fn each_text_waits_as_soon_as_it_is_prepared() {
    let mut played = Played::new(1);
    played.submit(&["a", "b"], &[0]).unwrap();
    let job = played.requests.next_text().unwrap();
    played.prepare(&job);
    let work = played.begin().expect("the first text, while the second is being prepared");
    assert_eq!(work.flights.len(), 1);
}

#[test]
fn requests_are_prepared_in_turns() {
    let mut played = Played::new(1);
    played.submit(&["a", "b", "c"], &[0]).unwrap();
    played.submit(&["x", "y"], &[0]).unwrap();
    let order: Vec<String> =
        std::iter::from_fn(|| played.requests.next_text()).map(|job| job.text.to_string()).collect();
    assert_eq!(order, ["a", "x", "b", "y", "c"]);
}

#[test]
fn texts_that_come_back_out_of_order_are_answered_in_order() {
    let mut played = Played::new(1);
    let ticket = played.submit(&["a", "bb"], &[0]).unwrap();
    let jobs: Vec<_> = std::iter::from_fn(|| played.requests.next_text()).collect();
    jobs.iter().rev().for_each(|job| played.prepare(job));
    played.run();
    assert_eq!(played.numbers(ticket), [1.0, 0.0, 2.0, 0.0]);
}

#[test]
fn the_same_content_is_computed_once_for_each_model_whoever_asks_for_what() {
    let mut played = Played::new(1);
    let one = played.submit(&["a", "a"], &[0, 1]).unwrap();
    let other = played.submit(&["a"], &[1, 2]).unwrap();
    let third = played.submit(&["a"], &[2]).unwrap();
    played.prepare_all();
    let mut computed = Vec::new();
    while let Some(work) = played.begin() {
        computed.extend(work.flights.iter().map(|((_, model), _)| model.0));
        played.finish(&work);
    }
    computed.sort_unstable();
    assert_eq!(computed, [0, 1, 2]);
    assert_eq!(played.numbers(one), [1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
    assert_eq!(played.numbers(other), [1.0, 1.0, 1.0, 2.0]);
    let stats = played.requests.stats(played.now);
    assert_eq!(stats.models.iter().map(|model| model.texts_done).collect::<Vec<_>>(), [2, 3, 2]);
    let begun = [one, other, third].map(|ticket| played.reply(ticket).as_ref().unwrap().begun);
    assert_eq!(begun, [2, 1, 0]);
}

#[test]
fn an_output_that_is_there_is_not_computed_again_while_anybody_needs_it() {
    let mut played = Played::new(1);
    let slow = played.submit(&["a"], &[0, 1]).unwrap();
    played.prepare_all();
    let first = played.begin().unwrap();
    played.finish(&first);
    let late = played.submit(&["a"], &[0]).unwrap();
    played.prepare_all();
    assert_eq!(played.numbers(late), [1.0, 0.0], "known when it was prepared");
    let second = played.begin().unwrap();
    assert!(played.begin().is_none());
    played.finish(&second);
    assert!(played.is_answered(slow));
    let again = played.submit(&["a"], &[0]).unwrap();
    played.prepare_all();
    assert!(!played.is_answered(again), "nobody kept it");
}

#[test]
fn a_text_that_is_given_up_while_it_runs_is_not_run_again_for_whoever_asks_next() {
    let mut played = Played::new(2);
    let gone = played.submit(&["a"], &[0]).unwrap();
    played.prepare_all();
    let work = played.begin().unwrap();
    played.cancel(gone);
    let again = played.submit(&["a"], &[0]).unwrap();
    played.prepare_all();
    assert!(played.begin().is_none());
    played.finish(&work);
    assert_eq!(played.numbers(again), [1.0, 0.0]);
}

#[test]
fn a_text_waits_no_longer_than_the_soonest_of_those_who_ask_for_it() {
    let mut played = Played::new(1);
    let many = ["a", "b", "c", "d", "e"].map(|letter| letter.repeat(40));
    played.submit(&many.each_ref().map(String::as_str), &[0]).unwrap();
    played.prepare_all();
    let one = played.submit(&[&many[4]], &[0]).unwrap();
    played.prepare_all();
    let batches = std::iter::from_fn(|| {
        let work = played.begin()?;
        played.finish(&work);
        Some(played.is_answered(one))
    });
    // Two fit into a batch; one of its own would come behind the first two.
    assert_eq!(batches.collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn a_text_that_is_shared_is_charged_to_its_request_once_however_many_models_answer_it() {
    let mut played = Played::new(1);
    let text = |letter: &str| letter.repeat(40);
    played.submit(&[&text("x")], &[0, 1, 2]).unwrap();
    played.prepare_all();
    let texts = vec![(text("x"), vec![0, 1, 2]), (text("y"), vec![0])];
    let sharing = played.submit_texts(texts, None).unwrap();
    played.prepare_all();
    for letter in ["z", "d", "e", "f"] {
        played.submit(&[&text(letter)], &[0]).unwrap();
        played.prepare_all();
    }
    // Two texts fit into a batch, and the first group has one for each of three models.
    let answered = std::iter::from_fn(|| {
        let work = played.begin()?;
        played.finish(&work);
        Some(played.is_answered(sharing))
    });
    assert_eq!(answered.collect::<Vec<_>>(), [false, false, false, true, true]);
}

#[test]
fn a_call_that_panicked_ends_everything_by_the_next() {
    let mut played = Played::new(1);
    let [running, waiting] = ["a", "b"].map(|text| played.submit(&[text], &[0]).unwrap());
    played.prepare_all();
    played.begin().unwrap();
    played.requests.distrust();
    assert_eq!(played.submit(&["c"], &[0]), Err(InferError::Broken));
    assert!(played.requests.is_closed() && played.requests.is_drained());
    played.expire();
    for ticket in [running, waiting] {
        assert_eq!(played.reply(ticket), &Err(InferError::Broken));
    }
}

#[test]
fn a_text_that_others_wait_for_survives_the_request_that_brought_it() {
    let mut played = Played::new(1);
    let gone = played.submit(&["a"], &[0]).unwrap();
    let stays = played.submit(&["a", "b"], &[0]).unwrap();
    played.prepare_all();
    played.cancel(gone);
    assert_eq!((played.reply(gone), played.pending()), (&Err(InferError::Cancelled), 2));
    played.run();
    assert_eq!(played.numbers(stays), [1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn a_cancelled_request_frees_its_places_and_is_never_computed() {
    let mut played = Played::new(1);
    let running = played.submit(&["r"], &[0]).unwrap();
    played.prepare_all();
    let work = played.begin().unwrap();
    let waiting = played.submit(&["a", "b"], &[0, 1]).unwrap();
    let job = played.requests.next_text().unwrap();
    played.prepare(&job);
    played.cancel(waiting);
    played.cancel(waiting);
    assert_eq!((played.reply(waiting), played.pending()), (&Err(InferError::Cancelled), 1));
    assert!(played.requests.next_text().is_none(), "its second text is not prepared");
    played.finish(&work);
    assert!(played.begin().is_none());
    assert!(played.is_answered(running));
}

#[test]
fn what_is_cancelled_while_it_is_prepared_or_runs_ends_in_nothing() {
    let mut played = Played::new(1);
    let ticket = played.submit(&["a"], &[0]).unwrap();
    let job = played.requests.next_text().unwrap();
    played.cancel(ticket);
    played.prepare(&job);
    assert!(played.begin().is_none());
    let other = played.submit(&["b"], &[0]).unwrap();
    played.prepare_all();
    let work = played.begin().unwrap();
    played.cancel(other);
    played.finish(&work);
    assert_eq!((played.reply(ticket), played.reply(other)), (&Err(InferError::Cancelled), &Err(InferError::Cancelled)));
    assert_eq!(played.requests.stats(played.now).models[0].texts_cancelled, 2);
}

#[test]
fn a_full_queue_refuses_and_more_than_it_can_ever_hold_is_said() {
    let mut played = Played::new(1);
    let texts = ["a"; CAPACITY];
    assert_eq!(
        played.submit(&["a"; CAPACITY + 1], &[0]),
        Err(InferError::TooManyTexts { texts: CAPACITY + 1, capacity: CAPACITY })
    );
    played.submit(&texts[1..], &[0]).unwrap();
    assert_eq!(played.submit(&["a", "b"], &[0]), Err(InferError::QueueFull { capacity: CAPACITY }), "all or none");
    played.submit(&["b"], &[0]).unwrap();
    played.run();
    played.submit(&texts, &[0]).unwrap();
}

#[test]
fn a_failing_model_fails_only_the_requests_that_need_it() {
    let mut played = Played::new(2);
    let needs = played.submit(&["a"], &[0, 1]).unwrap();
    let does_not = played.submit(&["a"], &[0]).unwrap();
    played.prepare_all();
    let (first, second) = (played.begin().unwrap(), played.begin().unwrap());
    let reason = BatchError::Runtime("no".to_owned());
    let replies = played.requests.fail(&second, &reason, played.now);
    played.replies.extend(replies);
    let expected = InferError::Inference { model: "model-1".to_owned(), reason };
    assert_eq!(played.reply(needs), &Err(expected.clone()));
    assert_eq!(expected.to_string(), "model `model-1` failed: no");
    played.finish(&first);
    assert_eq!(played.numbers(does_not), [1.0, 0.0]);
    assert_eq!(played.pending(), 0);
}

#[test]
fn a_text_without_an_output_fails_instead_of_waiting_for_ever() {
    let mut played = Played::new(1);
    let ticket = played.submit(&["a", "b"], &[0]).unwrap();
    played.prepare_all();
    let work = played.begin().unwrap();
    let outcome = Outcome { outputs: vec![Ok(vec![1.0])], computed: 0, elapsed: Duration::ZERO };
    let replies = played.requests.finish(&work, outcome, played.now);
    played.replies.extend(replies);
    assert!(matches!(played.reply(ticket), Err(InferError::Inference { .. })));
}

#[test]
fn a_text_that_cannot_be_prepared_fails_its_request() {
    let mut played = Played::new(1);
    let ticket = played.submit(&["a", "b"], &[1]).unwrap();
    let job = played.requests.next_text().unwrap();
    let reply = played.requests.unpreparable(&job, job.models[0], &BatchError::Panic);
    played.replies.extend(reply);
    assert!(matches!(played.reply(ticket), Err(InferError::Inference { model, .. }) if model == "model-1"));
    let unreadable = played.submit(&["a"], &[0, 2]).unwrap();
    let job = std::iter::from_fn(|| played.requests.next_text()).last().unwrap();
    let reply = played.requests.unpreparable(&job, ModelId(2), &BatchError::Unreadable("it has no tokens".to_owned()));
    played.replies.extend(reply);
    let error = played.reply(unreadable).as_ref().unwrap_err();
    assert_eq!(error.to_string(), "model `model-2` cannot read the text: it has no tokens");
    played.run();
    assert_eq!((played.replies.len(), played.pending()), (2, 0));
}

#[test]
fn what_has_expired_is_answered_and_never_begun() {
    let mut played = Played::new(1);
    let within = Duration::from_millis(50);
    let ticket = played.submit_texts(vec![("a".to_owned(), vec![0])], Some(within)).unwrap();
    let patient = played.submit(&["b"], &[0]).unwrap();
    played.prepare_all();
    played.now += Duration::from_millis(49);
    played.expire();
    assert!(!played.is_answered(ticket));
    played.now += Duration::from_millis(1);
    played.expire();
    assert_eq!(played.reply(ticket), &Err(InferError::DeadlineExceeded { after: within }));
    assert_eq!(played.reply(ticket).as_ref().unwrap_err().to_string(), "no answer within 50 ms");
    let work = played.begin().unwrap();
    assert_eq!(work.flights.len(), 1, "the patient one alone");
    played.finish(&work);
    assert!(played.is_answered(patient));
}

#[test]
fn tells_where_the_time_went() {
    let mut played = Played::new(1);
    let ticket = played.submit(&["a"], &[0]).unwrap();
    let job = played.requests.next_text().unwrap();
    let [first, second, third] = [1, 20, 300].map(Duration::from_millis);
    played.now += first;
    played.prepare(&job);
    played.now += second;
    let work = played.begin().unwrap();
    played.now += third;
    played.finish(&work);
    let timing = played.reply(ticket).as_ref().unwrap().timing;
    assert_eq!((timing.tokenization, timing.queue, timing.inference), (first, second, third));
}

#[test]
fn draining_answers_what_was_accepted_and_refuses_the_rest() {
    let mut played = Played::new(1);
    let accepted = played.submit(&["a"], &[0]).unwrap();
    played.requests.drain();
    assert_eq!(played.submit(&["b"], &[0]), Err(InferError::Draining));
    assert!(!played.requests.is_drained());
    played.run();
    assert!(played.requests.is_drained() && played.is_answered(accepted));
}

#[test]
fn an_engine_that_is_given_up_answers_everybody_and_takes_nobody() {
    let mut played = Played::new(1);
    let running = played.submit(&["a"], &[0]).unwrap();
    played.prepare_all();
    let work = played.begin().unwrap();
    let waiting = played.submit(&["b"], &[0]).unwrap();
    let replies = played.requests.abandon();
    played.replies.extend(replies);
    assert_eq!((played.reply(running), played.reply(waiting)), (&Err(InferError::Broken), &Err(InferError::Broken)));
    assert!(played.requests.is_drained(), "whoever ran the batch");
    assert_eq!(played.submit(&["c"], &[0]), Err(InferError::Broken));
    played.finish(&work);
    let stats = played.requests.stats(played.now);
    assert_eq!((played.replies.len(), stats.pending_texts, stats.broken), (2, 0, true));
}

#[derive(Clone, Debug)]
enum Step {
    Submit {
        texts: Vec<(u8, Vec<usize>)>,
        within_ms: Option<u64>,
    },
    /// A text goes out to be prepared.
    Take,
    /// One of those that are out comes back, or cannot be prepared.
    Prepare {
        which: usize,
        fails: bool,
    },
    Cancel(u64),
    Wait {
        ms: u64,
    },
    Begin,
    Finish {
        which: usize,
        failing: Option<usize>,
    },
    Fail(usize),
    Drain,
}

fn step() -> impl Strategy<Value = Step> {
    let models = prop::sample::subsequence((0..MODELS).collect::<Vec<_>>(), 1..=MODELS).prop_shuffle();
    // Few contents, so that they meet.
    let texts = prop::collection::vec((1u8..6, models), 1..4);
    prop_oneof![
        4 => (texts, prop::option::of(1u64..40)).prop_map(|(texts, within_ms)| Step::Submit { texts, within_ms }),
        5 => Just(Step::Take),
        5 => (0usize..4, prop::bool::weighted(0.1)).prop_map(|(which, fails)| Step::Prepare { which, fails }),
        2 => (0u64..40).prop_map(Step::Cancel),
        2 => (1u64..20).prop_map(|ms| Step::Wait { ms }),
        5 => Just(Step::Begin),
        4 => (0usize..4, prop::option::weighted(0.1, 0usize..4)).prop_map(|(which, failing)| Step::Finish { which, failing }),
        1 => (0usize..4).prop_map(Step::Fail),
        1 => Just(Step::Drain),
    ]
}

/// What an answer to these texts must hold.
fn expected(texts: &[(u8, Vec<usize>)]) -> Vec<f32> {
    texts
        .iter()
        .flat_map(|(length, models)| models.iter().flat_map(|&model| [f32::from(*length), model as f32]))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_accepted_request_is_answered_once_and_places_add_up(
        lanes in 1usize..4,
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut played = Played::new(lanes);
        let mut asked: BTreeMap<Ticket, Vec<(u8, Vec<usize>)>> = BTreeMap::new();
        let mut deadlines: HashMap<Ticket, Instant> = HashMap::new();
        let mut out: Vec<TextJob> = Vec::new();
        let mut running: Vec<Work> = Vec::new();
        let drain = [Step::Take, Step::Prepare { which: 0, fails: false }, Step::Begin, Step::Finish { which: 0, failing: None }];
        let drain = std::iter::repeat_n(drain, 600).flatten();
        for step in steps.into_iter().chain([Step::Drain]).chain(drain) {
            match step {
                Step::Submit { texts, within_ms } => {
                    let named = texts.iter().map(|(length, models)| ("x".repeat(usize::from(*length)), models.clone()));
                    let within = within_ms.map(Duration::from_millis);
                    let now = played.now;
                    if let Ok(ticket) = played.submit_texts(named.collect(), within) {
                        deadlines.extend(within.map(|within| (ticket, now + within)));
                        asked.insert(ticket, texts);
                    }
                }
                Step::Take => out.extend(played.requests.next_text()),
                Step::Prepare { which, fails } => {
                    if which < out.len() {
                        let job = out.remove(which);
                        if fails {
                            let reply = played.requests.unpreparable(&job, job.models[0], &BatchError::Panic);
                            played.replies.extend(reply);
                        } else {
                            played.prepare(&job);
                        }
                    }
                }
                Step::Cancel(ticket) => played.cancel(Ticket(ticket)),
                Step::Wait { ms } => {
                    played.now += Duration::from_millis(ms);
                    played.expire();
                }
                Step::Begin => {
                    let Some(work) = played.begin() else { continue };
                    prop_assert!(!work.flights.is_empty(), "a batch that nobody wants");
                    for (other, content) in running.iter().flat_map(|work| &work.flights) {
                        let twice = work.flights.iter().any(|(id, same)| (id.1, same) == (other.1, content));
                        prop_assert!(!twice, "computed twice at the same time");
                    }
                    running.push(work);
                }
                Step::Finish { which, failing } => {
                    if which < running.len() {
                        let work = running.remove(which);
                        let outputs = work.flights.iter().enumerate().map(|(index, ((_, model), content))| {
                            if failing == Some(index) { Err(BatchError::NonFinite) } else { Ok(output(content, *model)) }
                        });
                        let outcome = Outcome { outputs: outputs.collect(), computed: 0, elapsed: Duration::ZERO };
                        let replies = played.requests.finish(&work, outcome, played.now);
                        played.replies.extend(replies);
                    }
                }
                Step::Fail(which) => {
                    if which < running.len() {
                        let work = running.remove(which);
                        let replies = played.requests.fail(&work, &BatchError::Panic, played.now);
                        played.replies.extend(replies);
                    }
                }
                Step::Drain => played.requests.drain(),
            }
            let open = asked.iter().filter(|(ticket, _)| !played.is_answered(**ticket));
            prop_assert_eq!(played.pending(), open.map(|(_, texts)| texts.len()).sum::<usize>());
            prop_assert!(played.pending() <= CAPACITY);
        }
        prop_assert!(played.requests.is_drained() && played.requests.flights.is_empty());
        prop_assert!(played.requests.deadlines.is_empty() && played.requests.by_ticket.is_empty());
        prop_assert_eq!(played.replies.len(), asked.len());
        for (index, model) in played.requests.stats(played.now).models.iter().enumerate() {
            let texts = asked.values().flatten().filter(|(_, models)| models.contains(&index)).count();
            prop_assert_eq!(model.texts_done + model.texts_failed + model.texts_cancelled, texts as u64);
        }
        for (ticket, texts) in asked {
            match played.reply(ticket) {
                Ok(answer) => prop_assert_eq!(&answer.numbers, &expected(&texts)),
                Err(InferError::DeadlineExceeded { .. }) => prop_assert!(deadlines[&ticket] <= played.now),
                Err(InferError::Cancelled | InferError::Inference { .. }) => {}
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// A text of 50, and a number that makes it another than the others.
fn long(number: usize) -> String {
    format!("{number:050}")
}

/// One lane that has taken a second for a text of 50, and now has so many of them to do.
fn busy(texts: usize, max_wait: Option<Duration>) -> Played {
    let mut played = Played::with_max_wait(1, max_wait);
    played.submit(&[&long(0)], &[0]).expect("room");
    played.prepare_all();
    let work = played.begin().expect("work");
    played.finish_after(&work, SECOND);
    for number in 1..=texts {
        played.submit(&[&long(number)], &[0]).expect("room");
    }
    played.prepare_all();
    played
}

#[test]
fn a_request_is_refused_where_it_would_wait_for_longer_than_is_allowed() {
    let mut played = busy(3, Some(2 * SECOND));
    assert_eq!(played.submit(&["x"], &[0]), Err(InferError::QueueWait { wait: 3 * SECOND, limit: 2 * SECOND }));
    assert_eq!(played.refusal(Duration::ZERO), Some(InferError::QueueWait { wait: 3 * SECOND, limit: 2 * SECOND }),);
    let mut played = busy(2, Some(2 * SECOND));
    assert_eq!(played.refusal(Duration::ZERO), None);
    assert_eq!(played.submit(&["x"], &[0]), Ok(Ticket(3)));
}

#[test]
fn a_forecast_knows_that_what_runs_gets_less_and_what_waits_does_not() {
    let mut played = busy(3, Some(Duration::from_millis(2500)));
    let _running = played.begin().expect("work");
    assert!(played.refusal(SECOND / 4).is_some());
    assert_eq!(played.refusal(3 * SECOND / 4), None);
    let mut played = busy(3, Some(SECOND / 2));
    let _running = played.begin().expect("work");
    assert!(played.refusal(100 * SECOND).is_some());
}

#[test]
fn what_a_request_has_waited_before_it_could_ask_counts_however_little_there_is_to_do() {
    let idle = Played::with_max_wait(1, Some(SECOND));
    let refusal = |demand| idle.requests.forecast(idle.now).refusal(demand, Class::Interactive, idle.now);
    let demand = Demand { texts: 1, remaining: None, waited: SECOND };
    assert_eq!(refusal(demand), None);
    let late = Demand { waited: 2 * SECOND, ..demand };
    assert_eq!(refusal(late), Some(InferError::QueueWait { wait: 2 * SECOND, limit: SECOND }));
    let hurried = Demand { remaining: Some(SECOND / 2), ..demand };
    assert_eq!(refusal(hurried), Some(InferError::QueueWait { wait: SECOND, limit: SECOND / 2 }));
}

#[test]
fn what_runs_and_what_is_not_prepared_yet_is_waited_for_too() {
    let mut played = busy(2, None);
    let _running = played.begin().expect("work");
    played.submit(&[&long(3)], &[0]).expect("room");
    assert_eq!(played.requests.stats(played.now).expected_wait, 3 * SECOND);
    played.now += SECOND / 2;
    assert_eq!(played.requests.stats(played.now).expected_wait, 5 * SECOND / 2);
}

#[test]
fn a_request_is_refused_where_it_has_less_time_than_its_answer_takes() {
    let mut played = busy(3, None);
    let soon = played.submit_texts(vec![(long(9), vec![0])], Some(SECOND));
    assert!(matches!(soon, Err(InferError::QueueWait { limit: SECOND, .. })), "{soon:?}");
    assert!(played.submit_texts(vec![(long(9), vec![0])], Some(5 * SECOND)).is_ok());
}

#[test]
fn an_idle_engine_takes_whatever_its_estimates_say() {
    let mut played = busy(0, Some(Duration::from_millis(1)));
    assert!(played.submit_texts(vec![(long(9), vec![0])], Some(Duration::from_millis(1))).is_ok());
}

#[test]
fn a_model_that_gets_slower_is_known_for_it_within_two_seconds() {
    let mut played = busy(8, None);
    for _ in 0..2 {
        let work = played.begin().expect("work");
        assert_eq!(work.flights.len(), 2, "of a hundred");
        played.finish_after(&work, 6 * SECOND);
    }
    let wait = played.requests.stats(played.now).expected_wait;
    assert!(wait > 11 * SECOND && wait <= 12 * SECOND, "{wait:?} for four texts");
}

#[test]
fn clients_who_go_away_shorten_the_queue_for_those_who_come() {
    let mut played = busy(8, None);
    let gone: Vec<Ticket> = (1..=5).map(Ticket).collect();
    played.now += 2 * SECOND;
    for ticket in gone {
        played.cancel(ticket);
    }
    assert_eq!(played.requests.stats(played.now).wait_limit, Some(SECOND.mul_f64(1.4)));
    assert!(matches!(played.submit(&["x"], &[0]), Err(InferError::QueueWait { .. })));
}

#[test]
fn texts_in_no_hurry_do_not_keep_others_out() {
    let mut played = busy(0, Some(SECOND));
    for number in 0..6 {
        let text = TextRequest { text: long(100 + number).into(), models: [ModelId(0)].into() };
        let request = InferRequest { texts: vec![text], deadline: None, class: Class::Batch };
        let accepted = played.requests.accept(Ticket(100 + number as u64), request, played.now);
        played.prepare_all();
        assert_eq!(accepted.is_ok(), number < 2, "{number}: {accepted:?}");
    }
    assert!(played.submit(&["x"], &[0]).is_ok());
}
