//! What takes threads to see.

use std::sync::Arc;

use chorus_core::requests::{InferError, Ticket};

use super::{
    Place,
    played::{self, Gate, Played, Replies},
    request,
};
use crate::dispatcher::{Dispatcher, DispatcherConfig};

struct Service {
    dispatcher: Dispatcher,
    models: Vec<Arc<Played>>,
    replies: Replies,
    next_ticket: u64,
}

impl Service {
    fn new(models: usize, lanes: usize) -> Self {
        let played: Vec<Arc<Played>> = (0..models).map(|_| Arc::default()).collect();
        let (models, tokenizers) = played::models(&played);
        let config = DispatcherConfig {
            lanes,
            max_batch_tokens: 64,
            queue_capacity: 10_000,
            max_wait: None,
            model_memory: None,
        };
        let replies = Replies::default();
        let dispatcher = Dispatcher::start(models, tokenizers, config, replies.sink().into());
        Self { dispatcher, models: played, replies, next_ticket: 0 }
    }

    fn submit(&mut self, texts: &[&str]) -> Ticket {
        self.try_submit(texts).expect("there is room")
    }

    fn try_submit(&mut self, texts: &[&str]) -> Option<Ticket> {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.dispatcher.submit(ticket, request(texts, self.models.len())).ok().map(|()| ticket)
    }

    fn set(&self, gate: Gate) {
        self.models.iter().for_each(|model| model.gate.change(|own| *own = gate));
    }

    fn wait_for_batches(&self, model: usize, batches: usize) {
        self.models[model].batches.wait(|begun| (begun.len() >= batches).then_some(()));
    }
}

#[test]
fn an_idle_lane_lends_its_thread_until_it_has_work() {
    let mut service = Service::new(1, 2);
    let alone = service.submit(&["a"]);
    service.replies.wait(alone).unwrap();
    assert_eq!(*service.models[0].threads.lock(), [2]);
    service.set(Gate::Closed);
    let first = service.submit(&["b"]);
    service.wait_for_batches(0, 2);
    let second = service.submit(&["c"]);
    service.wait_for_batches(0, 3);
    service.set(Gate::Open);
    assert!(service.replies.wait(first).is_ok() && service.replies.wait(second).is_ok());
    assert_eq!(service.models[0].threads.lock()[1], 1, "of whichever ended first");
}

#[test]
fn one_text_keeps_as_many_lanes_busy_as_it_has_models() {
    let mut service = Service::new(3, 3);
    service.set(Gate::Closed);
    let ticket = service.submit(&["a"]);
    (0..3).for_each(|model| service.wait_for_batches(model, 1));
    service.set(Gate::Open);
    assert!(service.replies.wait(ticket).is_ok());
}

#[test]
fn many_requests_at_once_are_all_answered_with_their_own_length() {
    let mut service = Service::new(5, 4);
    let tickets: Vec<(usize, Ticket)> =
        (0..500).map(|index| (index % 13, service.submit(&[&"a ".repeat(index % 13)]))).collect();
    for (words, ticket) in tickets {
        let numbers = service.replies.wait(ticket).unwrap().numbers;
        assert_eq!(numbers, [(words + 2) as f32, 0.0].repeat(5));
    }
    assert!(service.dispatcher.stats().models.into_iter().all(|model| model.texts_done == 500));
}

#[test]
fn closing_answers_what_was_accepted_and_refuses_the_rest() {
    let mut service = Service::new(2, 2);
    service.set(Gate::Closed);
    let accepted: Vec<_> = (0..10).map(|_| service.submit(&["a"])).collect();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| service.dispatcher.close());
        let mut late = (1 << 40..).map(Ticket);
        let is_refused = |ticket| service.dispatcher.submit(ticket, request(&[], 2)) == Err(InferError::Draining);
        assert!(late.any(is_refused));
        service.set(Gate::Open);
        closing.join().unwrap();
    });
    assert!(accepted.into_iter().all(|ticket| service.replies.get(ticket).is_some_and(|answer| answer.is_ok())));
}

#[test]
fn close_returns_whatever_has_happened() {
    use Place::{Entered, Entering, Ran, Rescue, Taken, Taking};
    for faults in [&[][..], &[Taken], &[Ran], &[Entered], &[Taken, Rescue], &[Taking], &[Entering]] {
        let mut service = Service::new(2, 2);
        service.dispatcher.shared.faults.arm(faults);
        let tickets: Vec<_> = (0..20).filter_map(|_| service.try_submit(&["a", "b"])).collect();
        service.dispatcher.close();
        assert!(tickets.into_iter().all(|ticket| service.replies.get(ticket).is_some()), "{faults:?}");
        assert!(service.try_submit(&["a"]).is_none());
    }
}

#[test]
fn a_dispatcher_may_be_closed_twice_and_from_two_threads() {
    let service = Service::new(1, 1);
    std::thread::scope(|scope| {
        let closing = [(); 2].map(|()| scope.spawn(|| service.dispatcher.close()));
        assert!(closing.into_iter().all(|closing| closing.join().is_ok()));
    });
    service.dispatcher.close();
}
