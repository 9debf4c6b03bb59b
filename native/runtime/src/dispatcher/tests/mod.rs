//! Most tests move the workers by hand, one step at a time; `threads` has those that are about threads.

mod loads;
mod played;
mod threads;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chorus_core::{
    planner::{Class, ModelId},
    requests::{Answer, BatchError, Demand, InferError, InferRequest, TextRequest, Ticket},
};

use self::played::{Clock, MAX_TOKENS, Played, Replies};
pub use self::played::{Faults, Place};
use super::{
    DispatcherConfig, Shared,
    lane::Lane,
    supervise::{Step, Worker, supervised_step},
    tokenizer::Tokenizer,
};
use crate::{
    model::{Model, Reader},
    tokenizer::TokenizerSet,
};

const SECOND: Duration = Duration::from_secs(1);

/// A dispatcher without threads.
struct Hand {
    shared: Shared,
    tokenizer: Tokenizer,
    lane: Lane,
    clock: Clock,
    models: Vec<Arc<Played>>,
    replies: Replies,
    next_ticket: u64,
}

impl Hand {
    fn new(models: usize) -> Self {
        Self::with_capacity(models, 100)
    }

    fn with_capacity(models: usize, capacity: usize) -> Self {
        let played: Vec<Arc<Played>> = (0..models).map(|_| Arc::default()).collect();
        let (models, tokenizers) = played::models(&played);
        Self::over(models, tokenizers, played, capacity)
    }

    fn over(
        models: Vec<Arc<Model>>,
        tokenizers: TokenizerSet,
        played: Vec<Arc<Played>>,
        queue_capacity: usize,
    ) -> Self {
        let (clock, replies) = (Clock::new(), Replies::default());
        let config =
            DispatcherConfig { lanes: 1, max_batch_tokens: 64, queue_capacity, max_wait: None, model_memory: None };
        let now = clock.clone();
        Self {
            shared: Shared::new(models, tokenizers, config, replies.sink().into(), Box::new(move || now.now())),
            tokenizer: Tokenizer::default(),
            lane: Lane::default(),
            clock,
            models: played,
            replies,
            next_ticket: 0,
        }
    }

    /// Asks all models about all texts.
    fn submit(&mut self, texts: &[&str]) -> Ticket {
        self.try_submit(texts, None).expect("there is room")
    }

    fn try_submit(&mut self, texts: &[&str], deadline: Option<Duration>) -> Result<Ticket, InferError> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let deadline = deadline.map(|after| self.clock.now() + after);
        let request = InferRequest { deadline, ..request(texts, self.models.len()) };
        self.shared.submit(ticket, request).map(|()| ticket)
    }

    fn cancel(&self, ticket: Ticket) {
        self.shared.cancel(ticket);
    }

    /// All texts that wait for it.
    fn tokenize(&mut self) {
        while supervised_step(&self.shared, &mut self.tokenizer) == Step::Done {}
    }

    /// One step of the lane.
    fn run(&mut self) -> Step {
        supervised_step(&self.shared, &mut self.lane)
    }

    /// Everything there is to do.
    fn finish(&mut self) {
        self.tokenize();
        while self.run() == Step::Done {}
    }

    fn answer(&self, ticket: Ticket) -> Result<Answer, InferError> {
        self.replies.get(ticket).expect("a reply has come")
    }

    fn numbers(&self, ticket: Ticket) -> Vec<f32> {
        self.answer(ticket).expect("an answer").numbers
    }

    fn batches(&self, model: usize) -> Vec<usize> {
        self.models[model].batches.change(|batches| batches.clone())
    }

    fn is_empty(&self) -> bool {
        let requests = self.shared.requests();
        requests.stats(self.clock.now()).pending_texts == 0 && requests.is_drained()
    }
}

fn request(texts: &[&str], models: usize) -> InferRequest {
    let models: Arc<[ModelId]> = (0..models).map(ModelId).collect();
    let texts = texts.iter().map(|&text| TextRequest { text: text.into(), models: Arc::clone(&models) });
    InferRequest { texts: texts.collect(), deadline: None, class: Class::Interactive }
}

#[test]
fn a_refusal_waits_for_no_lock() {
    let mut hand = Hand::with_capacity(1, 1);
    hand.submit(&["a"]);
    let full = InferError::QueueFull { capacity: 1 };
    let requests = hand.shared.requests.lock();
    assert_eq!(hand.shared.submit(Ticket(1), request(&["b"], 1)), Err(full.clone()));
    let demand = Demand { texts: 1, remaining: None, waited: Duration::ZERO };
    assert_eq!(hand.shared.refusal(demand, Class::Interactive, hand.clock.now()), Some(full));
    drop(requests);
    hand.finish();
    assert_eq!(hand.shared.refusal(demand, Class::Interactive, hand.clock.now()), None);
}

#[test]
fn every_model_answers_every_text() {
    let mut hand = Hand::new(2);
    let ticket = hand.submit(&["a a a", "", "a"]);
    hand.finish();
    // With the special tokens [CLS] and [SEP]; two models, each with a score for two labels.
    let answer = [5.0, 0.0, 5.0, 0.0, 2.0, 0.0, 2.0, 0.0, 3.0, 0.0, 3.0, 0.0];
    assert_eq!(hand.numbers(ticket), answer);
    assert!(hand.is_empty());
}

#[test]
fn a_request_without_texts_is_answered_at_once() {
    let mut hand = Hand::new(1);
    let ticket = hand.submit(&[]);
    assert_eq!(hand.answer(ticket), Ok(Answer::default()));
}

#[test]
fn texts_of_one_request_may_have_models_of_their_own() {
    let mut hand = Hand::new(2);
    let mut request = request(&["a", "a a"], 2);
    request.texts[0].models = [ModelId(1)].into();
    request.texts[1].models = [ModelId(1), ModelId(0)].into();
    hand.shared.submit(Ticket(0), request).unwrap();
    hand.finish();
    assert_eq!(hand.numbers(Ticket(0)), [3.0, 0.0, 4.0, 0.0, 4.0, 0.0]);
    assert_eq!((hand.batches(0), hand.batches(1)), (vec![1], vec![2]));
}

#[test]
fn a_model_that_reads_text_is_given_the_text() {
    let played: Vec<Arc<Played>> = vec![Arc::default(), Arc::default()];
    let (mut models, tokenizers) = played::models(&played);
    models[1] = played::model(1, Reader::Text { cost_per_kib: 64 }, &played[1]);
    let mut hand = Hand::over(models, tokenizers, played, 100);
    let long = "a ".repeat(40);
    let ticket = hand.submit(&["a a", &long]);
    hand.tokenize();
    let backlog = hand.shared.requests().stats(hand.clock.now()).models[1].queued_tokens;
    assert_eq!(backlog, 1 + 5, "64 for each 1,024 bytes, rounded up for each text");
    hand.finish();
    assert_eq!(hand.numbers(ticket), [4.0, 0.0, 3.0, 0.0, MAX_TOKENS as f32, 0.0, 80.0, 0.0]);
    assert_eq!(hand.answer(ticket).unwrap().truncated, [(1, ModelId(0))], "whoever reads the text reads all of it");
}

#[test]
fn an_answer_says_which_models_read_only_the_beginning() {
    let mut hand = Hand::new(2);
    let ticket = hand.submit(&["a ".repeat(40).as_str(), "a"]);
    hand.finish();
    assert_eq!(hand.numbers(ticket)[..2], [MAX_TOKENS as f32, 0.0]);
    assert_eq!(hand.answer(ticket).unwrap().truncated, [(0, ModelId(0)), (0, ModelId(1))]);
}

#[test]
fn what_waits_when_a_lane_comes_free_runs_together() {
    let mut hand = Hand::new(1);
    let tickets = ["b", "c", "d", "e", "f"].map(|text| hand.submit(&[text]));
    hand.finish();
    assert_eq!(hand.batches(0), [5]);
    assert!(tickets.into_iter().all(|ticket| hand.answer(ticket).is_ok()));
}

#[test]
fn a_reply_tells_where_the_time_went() {
    let mut hand = Hand::new(1);
    *hand.models[0].takes.lock() = Some((hand.clock.clone(), 5 * SECOND));
    let ticket = hand.submit(&["a"]);
    hand.clock.advance(SECOND);
    hand.tokenize();
    hand.clock.advance(3 * SECOND);
    hand.finish();
    let timing = hand.answer(ticket).unwrap().timing;
    assert_eq!((timing.tokenization, timing.queue, timing.inference), (SECOND, 3 * SECOND, 5 * SECOND));
}

#[test]
fn the_same_text_of_many_requests_is_computed_once() {
    let mut hand = Hand::new(1);
    let tickets: Vec<Ticket> = (0..5).map(|_| hand.submit(&["a a", "a a"])).collect();
    let other = hand.submit(&["b"]);
    hand.finish();
    assert!(tickets.into_iter().all(|ticket| hand.numbers(ticket) == [4.0, 0.0, 4.0, 0.0]));
    assert!(hand.answer(other).is_ok());
    assert_eq!(hand.batches(0), [2]);
    assert_eq!(hand.shared.requests().stats(hand.clock.now()).models[0].texts_done, 11);
    assert!(hand.is_empty());
}

#[test]
fn a_text_that_others_wait_for_survives_the_request_that_brought_it() {
    let mut hand = Hand::new(1);
    let (first, stays) = (hand.submit(&["a"]), hand.submit(&["a", "b"]));
    hand.tokenize();
    hand.cancel(first);
    assert_eq!(hand.answer(first), Err(InferError::Cancelled));
    hand.finish();
    assert_eq!(hand.numbers(stays).len(), 4);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let mut hand = Hand::with_capacity(1, 2);
    hand.submit(&["a", "b"]);
    assert_eq!(hand.try_submit(&["c"], None), Err(InferError::QueueFull { capacity: 2 }));
    hand.finish();
    assert!(hand.try_submit(&["c"], None).is_ok(), "places are free again");
}

#[test]
fn a_cancelled_request_frees_its_place_and_never_runs() {
    let mut hand = Hand::with_capacity(1, 1);
    let ticket = hand.submit(&["b"]);
    hand.tokenize();
    hand.cancel(ticket);
    hand.cancel(ticket);
    assert_eq!(hand.answer(ticket), Err(InferError::Cancelled));
    let next = hand.submit(&["c c"]);
    hand.finish();
    assert_eq!((hand.numbers(next), hand.batches(0)), (vec![4.0, 0.0], vec![1]));
}

#[test]
fn nothing_runs_for_a_request_whose_deadline_has_passed() {
    let mut hand = Hand::new(1);
    let tickets = [1, 3].map(|seconds| hand.try_submit(&["a"], Some(seconds * SECOND)).unwrap());
    hand.clock.advance(2 * SECOND);
    hand.tokenize();
    assert_eq!(hand.answer(tickets[0]), Err(InferError::DeadlineExceeded { after: SECOND }));
    hand.clock.advance(2 * SECOND);
    hand.finish();
    assert_eq!(hand.answer(tickets[1]), Err(InferError::DeadlineExceeded { after: 3 * SECOND }));
    assert!(hand.batches(0).is_empty() && hand.is_empty());
}

#[test]
fn a_failing_model_fails_only_the_requests_that_need_it() {
    let mut hand = Hand::new(2);
    hand.models[1].fails.store(true, Ordering::SeqCst);
    let ticket = hand.submit(&["a"]);
    hand.finish();
    assert_eq!(hand.answer(ticket).unwrap_err().to_string(), "model `model-1` failed: asked to fail");
    hand.models[1].fails.store(false, Ordering::SeqCst);
    let next = hand.submit(&["a"]);
    hand.finish();
    assert!(hand.answer(next).is_ok());
    let stats = hand.shared.requests().stats(hand.clock.now());
    assert_eq!((stats.models[1].texts_failed, stats.models[1].texts_done), (1, 1));
    assert!(stats.models[1].errors.contains(&("runtime", 1)));
}

#[test]
fn a_score_that_is_not_finite_is_an_error() {
    let mut hand = Hand::new(1);
    hand.models[0].gives_nan.store(true, Ordering::SeqCst);
    let ticket = hand.submit(&["a"]);
    hand.finish();
    assert!(matches!(hand.answer(ticket), Err(InferError::Inference { reason: BatchError::NonFinite, .. })));
}

#[test]
fn a_panic_in_a_model_fails_its_batch_and_nothing_else() {
    let mut hand = Hand::new(1);
    hand.models[0].panics.store(true, Ordering::SeqCst);
    let ticket = hand.submit(&["a"]);
    hand.finish();
    assert!(matches!(hand.answer(ticket), Err(InferError::Inference { reason: BatchError::Panic, .. })));
    goes_on(&mut hand);
}

/// Whatever has happened, one panic of it, the next request is answered and nothing is left behind.
fn goes_on(hand: &mut Hand) {
    let next = hand.submit(&["a a"]);
    hand.finish();
    let answer = hand.numbers(next);
    assert!(answer.starts_with(&[4.0, 0.0]), "{answer:?}");
    assert_eq!(hand.shared.requests().stats(hand.clock.now()).panics, 1);
    assert!(hand.is_empty());
}

#[test]
fn a_worker_that_panics_at_any_step_ends_what_it_had_in_hand() {
    for place in [Place::Taken, Place::Ran, Place::Entered] {
        for lane_panics in [false, true] {
            let mut hand = Hand::new(1);
            let ticket = hand.submit(&["a"]);
            if lane_panics {
                hand.tokenize();
            }
            hand.shared.faults.arm(&[place]);
            hand.finish();
            match (hand.answer(ticket), place) {
                // What was entered stands.
                (Ok(answer), Place::Entered) => assert_eq!(answer.numbers, [3.0, 0.0]),
                (Err(InferError::Inference { reason: BatchError::Panic, .. }), Place::Taken | Place::Ran) => {}
                (answer, place) => panic!("{place:?}, in the lane {lane_panics}: {answer:?}"),
            }
            goes_on(&mut hand);
        }
    }
}

#[test]
fn a_panic_of_the_rescue_gives_the_engine_up_and_answers_everybody() {
    for lane_panics in [false, true] {
        let mut hand = Hand::new(1);
        let tickets = [hand.submit(&["a"]), hand.submit(&["b", "c"])];
        if lane_panics {
            hand.tokenize();
        }
        hand.shared.faults.arm(&[Place::Taken, Place::Rescue]);
        hand.finish();
        assert!(tickets.into_iter().all(|ticket| hand.answer(ticket) == Err(InferError::Broken)));
        assert_eq!(hand.try_submit(&["a"], None), Err(InferError::Broken));
        assert!(hand.shared.requests().stats(hand.clock.now()).broken);
        assert!(hand.is_empty());
    }
}

#[test]
fn a_panic_under_the_lock_gives_the_engine_up_and_answers_everybody_who_can_be() {
    for place in [Place::Taking, Place::Entering] {
        for lane_panics in [false, true] {
            let mut hand = Hand::new(1);
            let tickets = [hand.submit(&["a"]), hand.submit(&["b", "c"])];
            if lane_panics {
                hand.tokenize();
            }
            hand.shared.faults.arm(&[place]);
            hand.finish();
            let is_ended = |answer| matches!(answer, Ok(_) | Err(InferError::Broken));
            assert!(tickets.into_iter().all(|ticket| is_ended(hand.answer(ticket))), "{place:?}");
            assert_eq!(hand.try_submit(&["a"], None), Err(InferError::Broken));
            assert_eq!((hand.run(), hand.tokenizer.step(&hand.shared)), (Step::Closed, Step::Closed));
            assert!(hand.is_empty());
        }
    }
}

#[test]
fn workers_end_once_the_dispatcher_has_closed() {
    let mut hand = Hand::new(1);
    let accepted = hand.submit(&["a"]);
    hand.shared.requests().drain();
    assert_eq!(hand.try_submit(&["b"], None), Err(InferError::Draining));
    assert_ne!(hand.run(), Step::Closed, "before what was accepted is answered");
    hand.finish();
    assert!(hand.answer(accepted).is_ok());
    hand.shared.requests().close();
    assert_eq!((hand.run(), hand.tokenizer.step(&hand.shared)), (Step::Closed, Step::Closed));
}
