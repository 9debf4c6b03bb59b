//! The dispatcher's rules as sentences.

mod service;

use std::{
    collections::HashMap,
    sync::{atomic::Ordering, mpsc::Receiver},
    time::Duration,
};

use chorus_core::planner::{ModelId, QueueFull};

use self::service::{Answer, Service};
use super::{InferRequest, TextAnswer, Ticket};
use crate::{
    error::{BatchError, InferError},
    model::Output,
};

fn score(answer: &TextAnswer, model: usize) -> f32 {
    let Output::Classification(scores) = &answer.outputs[model] else { panic!("a classifier") };
    scores[0].score
}

#[test]
fn answers_every_text_by_every_model_in_order() {
    let mut service = Service::new(3, 2, 100);
    let (_, answer) = service.submit(&["a", "a a a", ""]);
    let answers = answer.recv().unwrap().unwrap();
    assert_eq!(answers.iter().map(|text| text.outputs.len()).collect::<Vec<_>>(), [3, 3, 3]);
    // [CLS] and [SEP] around one token per word.
    assert_eq!(answers.iter().map(|text| score(text, 2)).collect::<Vec<_>>(), [3.0, 5.0, 2.0]);
}

#[test]
fn says_which_models_read_only_the_beginning() {
    let mut service = Service::new(2, 1, 100);
    let (_, answer) = service.submit(&["a ".repeat(40).as_str(), "a"]);
    let answers = answer.recv().unwrap().unwrap();
    assert_eq!(answers[0].truncated_by, [ModelId(0), ModelId(1)]);
    assert_eq!((score(&answers[0], 0), answers[1].truncated_by.len()), (16.0, 0));
}

#[test]
fn what_waits_while_the_lane_is_busy_runs_together() {
    let mut service = Service::new(1, 1, 100);
    service.models[0].gate.close();
    let (_, first) = service.submit(&["a"]);
    service.wait_for_runs(0, 1);
    let rest: Vec<_> = ["b", "c", "d", "e", "f"].map(|text| service.submit(&[text]).1).into();
    service.wait_for_queue(5);
    service.models[0].gate.open();
    first.recv().unwrap().unwrap();
    for answer in rest {
        assert!(answer.recv().unwrap().is_ok());
    }
    assert_eq!(*service.models[0].batches.lock(), [1, 5]);
}

#[test]
fn an_idle_lane_lends_its_thread_until_it_has_work() {
    let mut service = Service::new(1, 2, 100);
    service.submit(&["a"]).1.recv().unwrap().unwrap();
    assert_eq!(*service.models[0].threads.lock(), [2]);
    service.models[0].gate.close();
    let (_, first) = service.submit(&["b"]);
    service.wait_for_runs(0, 2);
    let (_, second) = service.submit(&["c"]);
    service.wait_for_runs(0, 3);
    service.models[0].gate.open();
    assert!(first.recv().unwrap().is_ok() && second.recv().unwrap().is_ok());
    assert_eq!(service.models[0].threads.lock()[1], 1, "of whichever ended first");
}

#[test]
fn one_text_keeps_as_many_lanes_busy_as_it_has_models() {
    let mut service = Service::new(3, 3, 100);
    service.models.iter().for_each(|model| model.gate.close());
    let (_, answer) = service.submit(&["a"]);
    (0..3).for_each(|model| service.wait_for_runs(model, 1));
    service.models.iter().for_each(|model| model.gate.open());
    assert!(answer.recv().unwrap().is_ok());
}

#[test]
fn a_reply_tells_where_the_time_went() {
    let mut service = Service::new(1, 1, 100);
    service.models[0].gate.close();
    let (runs, first) = service.submit(&["a"]);
    service.wait_for_runs(0, 1);
    let (waits, second) = service.submit(&["b"]);
    service.wait_for_queue(1);
    let at_least = Duration::from_millis(20);
    std::thread::sleep(at_least);
    service.models[0].gate.open();
    assert!(first.recv().unwrap().is_ok() && second.recv().unwrap().is_ok());
    let timings = service.timings.lock();
    assert!(timings[&runs].inference >= at_least && timings[&waits].queue >= at_least, "{timings:?}");
}

#[test]
fn the_same_text_of_many_requests_is_computed_once() {
    let mut service = Service::new(1, 1, 100);
    service.models[0].gate.close();
    let requests: Vec<_> = (0..5).map(|_| service.submit(&["a a", "a a"])).collect();
    service.wait_for_runs(0, 1);
    let (_, other) = service.submit(&["b"]);
    service.wait_for_tokenized(6);
    service.models[0].gate.open();
    for (_, answer) in requests {
        let answers = answer.recv().unwrap().unwrap();
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[0], answers[1]);
    }
    assert!(other.recv().unwrap().is_ok());
    assert_eq!(*service.models[0].batches.lock(), [1, 1]);
    assert_eq!(service.dispatcher.stats().models[0].texts_done, 11);
    assert_eq!(service.dispatcher.stats().pending_texts, 0);
}

#[test]
fn a_text_that_others_wait_for_survives_the_request_that_brought_it() {
    let mut service = Service::new(1, 1, 100);
    service.models[0].gate.close();
    let (_, running) = service.submit(&["x"]);
    service.wait_for_runs(0, 1);
    let (first, gone) = service.submit(&["a"]);
    let (_, stays) = service.submit(&["a", "b"]);
    service.wait_for_queue(2);
    service.dispatcher.cancel(first);
    assert_eq!(gone.recv().unwrap(), Err(InferError::Cancelled));
    service.models[0].gate.open();
    assert!(running.recv().unwrap().is_ok());
    assert_eq!(stays.recv().unwrap().unwrap().len(), 2);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let mut service = Service::new(1, 1, 2);
    service.models[0].gate.close();
    let (_, accepted) = service.submit(&["a", "b"]);
    let (_, refused) = service.submit(&["c"]);
    assert_eq!(refused.recv().unwrap(), Err(InferError::QueueFull(QueueFull { capacity: 2 })));
    service.models[0].gate.open();
    assert!(accepted.recv().unwrap().is_ok());
    assert!(service.submit(&["c"]).1.recv().unwrap().is_ok(), "places are free again");
}

#[test]
fn a_cancelled_request_frees_its_place_and_is_answered() {
    let mut service = Service::new(1, 1, 2);
    service.models[0].gate.close();
    let (_, running) = service.submit(&["a"]);
    service.wait_for_runs(0, 1);
    let (ticket, waiting) = service.submit(&["b"]);
    service.dispatcher.cancel(ticket);
    assert_eq!(waiting.recv().unwrap(), Err(InferError::Cancelled));
    service.dispatcher.cancel(ticket);
    let (_, next) = service.submit(&["c"]);
    service.models[0].gate.open();
    assert!(running.recv().unwrap().is_ok() && next.recv().unwrap().is_ok());
    assert_eq!(service.models[0].batches.lock().iter().sum::<usize>(), 2, "the cancelled text never ran");
}

#[test]
fn a_failing_model_fails_only_the_requests_that_need_it() {
    let mut service = Service::new(2, 1, 100);
    service.models[1].fails.store(true, Ordering::SeqCst);
    let (_, answer) = service.submit(&["a"]);
    let error = answer.recv().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "model `model-1` failed: asked to fail");
    service.models[1].fails.store(false, Ordering::SeqCst);
    assert!(service.submit(&["a"]).1.recv().unwrap().is_ok());
    let stats = service.dispatcher.stats();
    assert_eq!((stats.models[1].texts_failed, stats.models[1].texts_done), (1, 1));
    assert_eq!(stats.models[1].errors.iter().find(|(reason, _)| *reason == "runtime"), Some(&("runtime", 1)));
}

#[test]
fn a_panic_in_a_lane_ends_its_batch_and_nothing_else() {
    let mut service = Service::new(1, 1, 100);
    service.models[0].panics.store(true, Ordering::SeqCst);
    let (_, answer) = service.submit(&["a"]);
    assert!(matches!(answer.recv().unwrap(), Err(InferError::Inference { reason: BatchError::Panic, .. })));
    assert!(service.submit(&["a"]).1.recv().unwrap().is_ok(), "the lane goes on");
    let stats = service.dispatcher.stats();
    assert_eq!((stats.panics, stats.lane_restarts, stats.pending_texts), (1, 1, 0));
}

#[test]
fn a_score_that_is_not_finite_is_an_error() {
    let mut service = Service::new(1, 1, 100);
    service.models[0].gives_nan.store(true, Ordering::SeqCst);
    let (_, answer) = service.submit(&["a"]);
    assert!(matches!(answer.recv().unwrap(), Err(InferError::Inference { reason: BatchError::NonFinite, .. })));
}

#[test]
fn closing_answers_what_was_accepted_and_refuses_the_rest() {
    let mut service = Service::new(2, 2, 100);
    service.models[0].gate.close();
    let accepted: Vec<_> = (0..10).map(|_| service.submit(&["a"]).1).collect();
    std::thread::scope(|scope| {
        let dispatcher = &service.dispatcher;
        let closing = scope.spawn(|| dispatcher.close());
        loop {
            let late = Ticket(1 << 40);
            let receiver = service.wait_for(late);
            let request = InferRequest { texts: vec!["late".to_owned()], models: vec![ModelId(1)], top: 1 };
            if dispatcher.submit(late, request) == Err(InferError::Draining) {
                break;
            }
            dispatcher.cancel(late);
            receiver.recv().unwrap().ok();
        }
        service.models[0].gate.open();
        closing.join().unwrap();
    });
    for answer in accepted {
        assert!(answer.recv().unwrap().is_ok());
    }
}

#[test]
fn many_requests_at_once_are_all_answered_with_their_own_length() {
    let mut service = Service::new(5, 4, 10_000);
    let answers: Vec<(usize, Receiver<Answer>)> = (0..500)
        .map(|index| {
            let words = index % 13;
            (words, service.submit(&["a ".repeat(words).as_str()]).1)
        })
        .collect();
    for (words, answer) in answers {
        let answers = answer.recv().unwrap().unwrap();
        assert!((0..5).all(|model| (score(&answers[0], model) - (words + 2) as f32).abs() < f32::EPSILON));
    }
    let done: HashMap<String, u64> =
        service.dispatcher.stats().models.into_iter().map(|model| (model.name, model.texts_done)).collect();
    assert!(done.values().all(|&done| done == 500));
}
