//! The loader, moved by hand: what becomes of requests when a load goes wrong in ways that files do not.

use std::sync::atomic::{AtomicUsize, Ordering};

use chorus_core::requests::LoadTime;

use super::{super::loader::Loader, played::PlayedRunner, *};
use crate::model::{LoadRunner, ModelInfo, Slot};

/// One model that is loaded by `load`, and one that is there.
fn hand(load: LoadRunner) -> Hand {
    let played: Vec<Arc<Played>> = (0..2).map(|_| Arc::default()).collect();
    let (mut models, tokenizers) = played::models(&played);
    let Model { info, reader, head, .. } = Arc::into_inner(models.remove(0)).expect("nobody else has it yet");
    let info = ModelInfo { load: LoadTime::Lazy, ..info };
    models.insert(0, Arc::new(Model { info, reader, head, slot: Slot::lazy(None, load) }));
    Hand::over(models, tokenizers, played, 100)
}

#[test]
fn a_panic_while_a_model_is_loaded_fails_who_waits_for_it_and_is_tried_again() {
    let tries = AtomicUsize::new(0);
    let mut hand = hand(Box::new(move || {
        assert!(tries.fetch_add(1, Ordering::SeqCst) > 0, "asked to panic");
        Ok(Arc::new(PlayedRunner(Arc::default())))
    }));
    let mut loader = Loader::default();
    let unlucky = hand.submit(&["a"]);
    hand.finish();
    assert_eq!(supervised_step(&hand.shared, &mut loader), Step::Done);
    assert!(matches!(hand.answer(unlucky), Err(InferError::ModelUnavailable { retry_after: SECOND, .. })));
    assert_eq!(hand.try_submit(&["b"], None).map_err(|error| error.code()), Err("model_unavailable"));
    hand.clock.advance(SECOND);
    let lucky = hand.submit(&["c"]);
    hand.finish();
    assert_eq!(supervised_step(&hand.shared, &mut loader), Step::Done);
    hand.finish();
    assert_eq!(hand.numbers(lucky), [3.0, 0.0, 3.0, 0.0]);
    assert!(hand.is_empty());
}

#[test]
fn a_worker_that_panics_while_it_loads_leaves_nobody_waiting() {
    for place in [Place::Taking, Place::Ran] {
        let mut hand = hand(Box::new(|| Ok(Arc::new(PlayedRunner(Arc::default())))));
        let ticket = hand.submit(&["a"]);
        hand.finish();
        hand.shared.faults.arm(&[place]);
        let mut loader = Loader::default();
        supervised_step(&hand.shared, &mut loader);
        let answer = hand.answer(ticket).expect_err("an error");
        assert!(matches!(answer, InferError::Broken | InferError::ModelUnavailable { .. }), "{place:?}: {answer:?}");
        assert!(hand.is_empty(), "{place:?}");
    }
}

#[test]
fn the_loader_has_nothing_to_do_where_no_model_is_loaded_on_demand() {
    let mut hand = Hand::new(1);
    hand.submit(&["a"]);
    assert_eq!(supervised_step(&hand.shared, &mut Loader::default()), Step::Idle);
}
