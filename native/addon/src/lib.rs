//! The bridge between the engine and Node: types, conversions, one class for the engine and two for an index. No logic.
//!
//! Every call returns at once; work happens on the engine's threads. What is done once ends in a resolved
//! promise; requests end in [`Reply`]s, which one thread-safe function carries to JS, all that a batch has
//! ended in one call.
//! Failures cross as data (`outcome`), so a rejected promise is a bug. A panic in a plain function of
//! an addon would abort the process: each one runs inside [`guarded`].

mod convert;
mod dto;
mod index;
mod outcome;

use std::{
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Arc,
    thread,
};

use chorus_core::requests::Ticket;
use chorus_runtime::{
    allocator, checkpoint,
    dispatcher::{self, Dispatcher},
    engine,
    model::{self, Description},
};
use napi::{
    Env, Error, Result, Status,
    bindgen_prelude::{Object, ToNapiValue},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::{
    dto::{EngineConfig, EngineStats, Failure, Hurry, ModelConfig, ModelEvent, Reply, Request},
    outcome::{ConvertOutcome, DescribeOutcome, FootprintOutcome, LoadOutcome},
};

/// The engine of one profile: `load` once, then `submit`, then `close`.
#[napi]
#[derive(Default)]
pub struct NativeEngine {
    dispatcher: Arc<Mutex<Option<Arc<Dispatcher>>>>,
}

#[napi]
impl NativeEngine {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Loads all models but those that are loaded on demand; takes seconds, on a thread of its own. `replies` is called
    /// with the replies to submitted requests, `events` with what becomes of models on demand; until the engine is closed
    /// they keep the process alive. Models that `previous` has, too, are taken over from it.
    #[napi(ts_return_type = "Promise<LoadOutcome>")]
    pub fn load<'env>(
        &self,
        env: &'env Env,
        config: EngineConfig,
        #[napi(ts_arg_type = "(replies: Reply[]) => void")] replies: ReplyFunction,
        #[napi(ts_arg_type = "(event: ModelEvent) => void")] events: EventFunction,
        previous: Option<&NativeEngine>,
    ) -> Result<Object<'env>> {
        let slot = Arc::clone(&self.dispatcher);
        let config = config.try_into()?;
        let previous = previous.and_then(|engine| engine.dispatcher().ok());
        let previous = previous.map_or_else(Vec::new, |dispatcher| dispatcher.models().to_vec());
        in_background(env, move || match engine::start_beside(&config, &previous, sinks(replies, events)) {
            Err(error) => LoadOutcome::failed(&error),
            Ok(engine) => {
                let outcome = LoadOutcome::done(&engine);
                *slot.lock() = Some(Arc::new(engine.dispatcher));
                outcome
            }
        })
    }

    /// Asks for texts to be answered. Returns null, and a reply will come, or why the request was refused.
    #[napi]
    pub fn submit(&self, request: Request) -> Result<Option<Failure>> {
        guarded(|| {
            let dispatcher = self.dispatcher()?;
            let ticket = Ticket(u64::from(request.ticket));
            let request = convert::request(request, dispatcher.models().len(), dispatcher.now())?;
            Ok(dispatcher.submit(ticket, request).err().map(Failure::from))
        })
    }

    /// Why a request would be refused that came `waited_ms` ago and of which only this is known; null: it would not.
    #[napi]
    pub fn refusal(&self, hurry: Hurry, waited_ms: f64) -> Result<Option<Failure>> {
        let Hurry { deadline_ms, priority } = hurry;
        guarded(|| {
            let class = convert::class(&priority)?;
            let remaining = convert::duration("deadlineMs", deadline_ms)?;
            let waited = convert::duration("waitedMs", waited_ms)?.unwrap_or_default();
            Ok(self.dispatcher()?.refusal(class, remaining, waited).map(Failure::from))
        })
    }

    /// Takes a request back; its reply has the code `cancelled`. An unknown ticket has no effect.
    #[napi]
    pub fn cancel(&self, ticket: u32) -> Result<()> {
        guarded(|| {
            if let Ok(dispatcher) = self.dispatcher() {
                dispatcher.cancel(Ticket(u64::from(ticket)));
            }
            Ok(())
        })
    }

    /// Counters and gauges of this moment.
    #[napi]
    pub fn stats(&self) -> Result<EngineStats> {
        guarded(|| Ok(self.dispatcher()?.stats().into()))
    }

    /// Answers what was accepted, refuses what comes, then frees the models.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn close<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let slot = Arc::clone(&self.dispatcher);
        in_background(env, move || {
            let dispatcher = slot.lock().clone();
            if let Some(dispatcher) = dispatcher {
                dispatcher.close();
            }
            *slot.lock() = None;
            // Vocabularies are many small pieces, which the C library would keep.
            allocator::release_free_memory();
        })
    }

    fn dispatcher(&self) -> Result<Arc<Dispatcher>> {
        self.dispatcher.lock().clone().ok_or_else(|| Error::from_reason("the engine is not loaded"))
    }
}

/// Describes a model by its small files; `files` are the names of those beside its weights, which need not be there
/// yet. Where there are none, the folder is looked at.
#[napi(ts_return_type = "Promise<DescribeOutcome>")]
pub fn describe_model(env: &Env, config: ModelConfig, files: Vec<String>) -> Result<Object<'_>> {
    let config = model::ModelConfig::try_from(config)?;
    in_background(env, move || {
        DescribeOutcome::from(match &files[..] {
            [] => Description::read(&config),
            names => Description::of(&config, names),
        })
    })
}

/// What a profile is going to take, by the small files of its models, and what the process may take.
#[napi(ts_return_type = "Promise<FootprintOutcome>")]
pub fn footprint(env: &Env, config: EngineConfig) -> Result<Object<'_>> {
    let config = config.try_into()?;
    in_background(env, move || FootprintOutcome::of(&config))
}

/// Stores a directory's pickled weights as safetensors beside them, unless they have been; tells which file is stored as
/// which.
#[napi(ts_return_type = "Promise<ConvertOutcome>")]
pub fn convert_checkpoint(env: &Env, directory: String) -> Result<Object<'_>> {
    in_background(env, move || ConvertOutcome::from(checkpoint::store_as_safetensors(Path::new(&directory))))
}

/// Ends the process with `code`, at once.
///
/// `process.exit` runs the destructors of ONNX Runtime's statics under threads that still load or
/// run a model, and those then crash; and it waits for libuv's threads, one of which a write to a log that nobody
/// reads may hold.
#[napi]
pub fn exit_process(code: i32) {
    // SAFETY: `_exit` has no preconditions. What waits to be written is the caller's to wait for.
    unsafe { libc::_exit(code) }
}

type ReplyFunction = ThreadsafeFunction<Vec<Reply>, (), Vec<Reply>, Status, false>;
type EventFunction = ThreadsafeFunction<ModelEvent, (), ModelEvent, Status, false>;

fn sinks(replies: ReplyFunction, events: EventFunction) -> dispatcher::Sinks {
    // Calls fail only while Node shuts down, when nobody waits.
    dispatcher::Sinks {
        replies: Box::new(move |batch| {
            let batch = batch.into_iter().map(Reply::from).collect();
            replies.call(batch, ThreadsafeFunctionCallMode::NonBlocking);
        }),
        events: Box::new(move |event| {
            events.call(event.into(), ThreadsafeFunctionCallMode::NonBlocking);
        }),
    }
}

type Resolver<T> = Box<dyn FnOnce(Env) -> Result<T> + Send>;

fn resolver<T: Send + 'static>(outcome: T) -> Resolver<T> {
    Box::new(move |_| Ok(outcome))
}

/// A promise of what `work` returns, done on a new thread; a panic rejects it.
fn in_background<T>(env: &Env, work: impl FnOnce() -> T + Send + 'static) -> Result<Object<'_>>
where
    T: ToNapiValue + Send + 'static,
{
    let (deferred, promise) = env.create_deferred::<T, Resolver<T>>()?;
    let run = move || match panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(outcome) => deferred.resolve(resolver(outcome)),
        Err(_) => deferred.reject(Error::from_reason("the engine panicked")),
    };
    thread::Builder::new()
        .name("engine-lifecycle".to_owned())
        .spawn(run)
        .map_err(|error| Error::from_reason(error.to_string()))?;
    Ok(promise)
}

/// Turns a panic into an exception.
fn guarded<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| Err(Error::from_reason("the engine panicked")))
}
