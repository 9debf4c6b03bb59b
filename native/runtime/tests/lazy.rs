//! Models that are loaded when they are asked for, over real checkpoints.

#![allow(clippy::unwrap_used, reason = "clippy allows it in unit tests only")]

mod common;

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    time::{Duration, Instant},
};

use chorus_core::{
    planner::{Class, ModelId},
    requests::{Answer, InferError, InferRequest, LoadTime, Reply, TextRequest, Ticket},
};
use chorus_runtime::{
    dispatcher::{ModelEvent, Sinks},
    engine::{self, Engine, EngineConfig},
    error::LoadError,
    model::{Model, ModelConfig, Precision},
};

use crate::common::{config, copy_of, edit, fixture, model, start};

const NAMES: [&str; 4] = ["bert", "distilbert", "roberta", "xlm-roberta"];
/// What each of the fixtures takes: a page.
const PAGE: usize = 2 << 20;
const LIMIT: Duration = Duration::from_mins(1);

fn lazy(name: &str, folder: &Path) -> ModelConfig {
    ModelConfig { load: LoadTime::Lazy, ..model(name, folder.to_owned()) }
}

/// Four lazy models, of which so many fit.
fn four(fit: usize) -> EngineConfig {
    let models = NAMES.iter().map(|name| lazy(name, &fixture(name))).collect();
    EngineConfig { model_memory: Some(fit * PAGE), ..config(models) }
}

struct Service {
    engine: Engine,
    replies: Receiver<Vec<Reply>>,
    events: Receiver<ModelEvent>,
    next: u64,
}

impl Service {
    fn new(config: &EngineConfig) -> Self {
        Self::beside(config, &[])
    }

    fn beside(config: &EngineConfig, previous: &[Arc<Model>]) -> Self {
        let (to_replies, replies) = mpsc::channel();
        let (to_events, events) = mpsc::channel();
        let sinks = Sinks {
            replies: Box::new(move |batch| drop(to_replies.send(batch))),
            events: Box::new(move |event| drop(to_events.send(event))),
        };
        Self { engine: engine::start_beside(config, previous, sinks).unwrap(), replies, events, next: 0 }
    }

    fn submit(&mut self, text: &str, models: &[usize]) -> Result<Ticket, InferError> {
        let ticket = Ticket(self.next);
        self.next += 1;
        let models: Arc<[ModelId]> = models.iter().copied().map(ModelId).collect();
        let texts = vec![TextRequest { text: text.into(), models }];
        let request = InferRequest { texts, deadline: None, class: Class::Interactive };
        self.engine.dispatcher.submit(ticket, request).map(|()| ticket)
    }

    fn reply(&self) -> Reply {
        let [reply] = self.replies.recv_timeout(LIMIT).unwrap().try_into().unwrap();
        reply
    }

    fn ask(&mut self, text: &str, models: &[usize]) -> Result<Answer, InferError> {
        self.submit(text, models)?;
        self.reply().answer
    }

    fn is_loaded(&self, model: usize) -> bool {
        self.engine.dispatcher.models()[model].slot.runner().is_some()
    }

    fn event(&self) -> ModelEvent {
        self.events.recv_timeout(LIMIT).unwrap()
    }

    /// The names of those that are loaded.
    fn in_memory(&self) -> Vec<&str> {
        (0..self.engine.dispatcher.models().len())
            .filter(|&model| self.is_loaded(model))
            .map(|model| NAMES[model])
            .collect()
    }
}

#[test]
fn a_lazy_model_is_described_as_an_eager_one_and_answers_the_same_bits() {
    for precision in [Precision::Exact, Precision::Int8] {
        let eager = NAMES.iter().map(|name| model(name, fixture(name))).collect();
        let mut eager = Service::new(&EngineConfig { precision, ..config(eager) });
        let mut lazy = Service::new(&EngineConfig { precision, ..four(1) });
        for (own, other) in lazy.engine.dispatcher.models().iter().zip(eager.engine.dispatcher.models()) {
            assert!(own.slot.runner().is_none());
            let as_eager = chorus_runtime::model::ModelInfo { load: LoadTime::Eager, ..own.info.clone() };
            assert_eq!(format!("{as_eager:?}"), format!("{:?}", other.info));
        }
        for text in ["hello", "a longer text than the other", ""] {
            for models in [&[0, 1, 2, 3][..], &[2], &[1, 0]] {
                let [own, other] =
                    [lazy.ask(text, models), eager.ask(text, models)].map(|answer| answer.unwrap().numbers);
                assert_eq!(own, other);
            }
        }
    }
}

#[test]
fn the_longest_unused_goes_and_its_memory_with_it() {
    let mut service = Service::new(&four(2));
    for (model, in_memory) in
        [(0, &["bert"][..]), (1, &["bert", "distilbert"]), (0, &["bert", "distilbert"]), (2, &["bert", "roberta"])]
    {
        service.ask("hello", &[model]).unwrap();
        assert_eq!(service.in_memory(), in_memory);
    }
    let stats = service.engine.dispatcher.stats();
    assert_eq!(stats.models.iter().map(|model| model.evictions).collect::<Vec<_>>(), [0, 1, 0, 0]);
    assert_eq!(stats.models.iter().map(|model| model.loads.done).collect::<Vec<_>>(), [1, 1, 1, 0]);
    assert_eq!((stats.model_memory, stats.model_memory_limit), (2 * PAGE, Some(2 * PAGE)));
    let names: Vec<_> = (0..4)
        .map(|_| match service.event() {
            ModelEvent::Loaded { model, .. } => model,
            ModelEvent::Evicted { model } => format!("-{model}"),
            ModelEvent::Failed { error, .. } => panic!("{error}"),
        })
        .collect();
    assert_eq!(names, ["bert", "distilbert", "-distilbert", "roberta"]);
}

#[test]
fn first_requests_at_once_join_one_load() {
    let mut service = Service::new(&four(4));
    for number in 0..50 {
        service.submit(&format!("text {number}"), &[3]).unwrap();
    }
    let mut answered = 0;
    while answered < 50 {
        let replies = service.replies.recv_timeout(LIMIT).unwrap();
        assert!(replies.iter().all(|reply| reply.answer.is_ok()));
        answered += replies.len();
    }
    assert_eq!(service.engine.dispatcher.stats().models[3].loads.done, 1);
}

#[test]
fn weights_that_are_gone_are_told_and_served_when_they_are_back() {
    let folder = copy_of("bert");
    let mut service = Service::new(&config(vec![lazy("bert", folder.path()), model("roberta", fixture("roberta"))]));
    let (weights, away) = (folder.path().join("model.safetensors"), folder.path().join("away"));
    fs::rename(&weights, &away).unwrap();
    let error = service.ask("hello", &[0, 1]).unwrap_err();
    assert_eq!(error.code(), "model_unavailable");
    // The text may have been prepared only after the load had failed.
    let retry_after = error.retry_after().unwrap();
    assert!(retry_after <= Duration::from_secs(1) && !retry_after.is_zero(), "{retry_after:?}");
    assert!(!error.to_string().contains("safetensors"), "where files are is for the log: {error}");
    let ModelEvent::Failed { error, .. } = service.event() else { panic!("it failed") };
    assert!(error.contains("model.safetensors"), "{error}");
    assert!(service.ask("hello", &[1]).is_ok());
    // Another file of the same contents.
    fs::copy(&away, &weights).unwrap();
    assert!(matches!(service.ask("hello", &[0]), Err(InferError::ModelUnavailable { .. })), "not yet");
    let begun = Instant::now();
    while let Err(error) = service.ask("hello", &[0]) {
        assert!(begun.elapsed() < LIMIT, "{error}");
        std::thread::park_timeout(error.retry_after().unwrap());
    }
    assert_eq!(service.engine.dispatcher.stats().models[0].loads.failed, 1);
}

#[test]
fn weights_that_have_changed_since_the_start_are_not_served() {
    let folder = copy_of("bert");
    let mut service = Service::new(&config(vec![lazy("bert", folder.path())]));
    let path = folder.path().join("model.safetensors");
    let mut weights = fs::read(&path).unwrap();
    *weights.last_mut().unwrap() ^= 1;
    fs::write(&path, weights).unwrap();
    assert!(service.ask("hello", &[0]).is_err());
    let ModelEvent::Failed { error, .. } = service.event() else { panic!("it failed") };
    assert!(error.contains("expected what it held at start"), "{error}");
}

#[test]
fn what_is_wrong_with_a_lazy_model_is_told_at_start() {
    let folder = copy_of("bert");
    edit(folder.path(), "config.json", |config| config["num_hidden_layers"] = 9.into());
    let error = start(&config(vec![lazy("bert", folder.path())])).err().unwrap().to_string();
    assert!(error.contains("is missing"), "{error}");
    fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert!(start(&config(vec![lazy("bert", folder.path())])).is_err());
}

#[test]
fn a_model_that_can_never_fit_is_refused_with_the_arithmetic() {
    let models = vec![model("bert", fixture("bert")), lazy("roberta", &fixture("roberta"))];
    let small = EngineConfig { model_memory: Some(PAGE + PAGE / 2), ..config(models) };
    let error = start(&small).err().unwrap();
    assert_eq!(error.entry(), Some(("roberta", "load")));
    let expected = "expected at most 1048576 bytes: the budget of 3145728 less 2097152 of models that are loaded at \
                    start, found 2097152";
    assert!(error.to_string().ends_with(expected), "{error}");
    let graph = start(&config(vec![lazy("onnx", &fixture("onnx"))])).err().unwrap();
    assert!(matches!(graph, LoadError::Profile { field: "load", .. }), "{graph}");
}

#[test]
fn a_reload_takes_over_what_is_loaded_and_nothing_else() {
    let mut before = Service::new(&four(2));
    let expected = before.ask("hello", &[1]).unwrap().numbers;
    let mut after = Service::beside(&four(2), before.engine.dispatcher.models());
    assert_eq!(after.in_memory(), ["distilbert"]);
    drop(before);
    assert_eq!(after.ask("hello", &[1]).unwrap().numbers, expected);
    assert_eq!(after.engine.dispatcher.stats().models[1].loads.done, 0);
    // One that is loaded for good there, and one for which there is no room beside it.
    let mut eager = four(1);
    eager.models[1].load = LoadTime::Eager;
    let eager = EngineConfig { model_memory: Some(2 * PAGE), ..eager };
    after.ask("hello", &[0]).unwrap();
    let again = Service::beside(&eager, after.engine.dispatcher.models());
    assert_eq!(again.in_memory(), ["bert", "distilbert"]);
    let narrow = Service::beside(&four(1), again.engine.dispatcher.models());
    assert_eq!(narrow.in_memory(), ["bert"]);
}

#[test]
fn closing_answers_who_waits_for_a_load() {
    let mut service = Service::new(&four(1));
    for (number, model) in [0, 1, 2, 3].into_iter().cycle().take(20).enumerate() {
        service.submit(&format!("text {number}"), &[model]).unwrap();
    }
    service.engine.dispatcher.close();
    let replies: Vec<Reply> = service.replies.try_iter().flatten().collect();
    assert_eq!(replies.len(), 20);
    assert!(replies.iter().all(|reply| reply.answer.is_ok()));
}
