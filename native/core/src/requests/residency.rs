//! Which models are in memory, and which go so that others can come.
//!
//! A state machine without clock or thread, beside the queue: it is told what models are asked for, and says what is to
//! be loaded next and what must go for that. One load at a time, in the order in which models were first asked for.
//! The rules:
//!
//! - **A model that is loaded at start stays.** What the others may take is what is left of the budget.
//! - **The longest unused goes first**, and nothing goes while there is room.
//! - **What works is not interrupted.** Where every loaded model is in use, those that were loaded first take no new
//!   work (they *drain*) until what they have is done; then they go, and come again for what has waited meanwhile. So
//!   each load serves at least all that waited for it, and no model waits for ever for others that are always in use.
//! - **A load that failed is tried again** when somebody asks, but not before a pause, which grows.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use thiserror::Error;

use crate::planner::ModelId;

/// After the first failure; each one more doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// When a model is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadTime {
    /// At start, for good.
    #[default]
    Eager,
    /// When it is asked for.
    Lazy,
}

/// What a model takes of memory, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Footprint {
    pub bytes: usize,
    pub load: LoadTime,
    /// It is in memory already.
    pub is_loaded: bool,
}

/// A budget that cannot hold what it must.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum NoRoom {
    #[error("at most {budget} bytes, the budget, for all models that are loaded at start")]
    Eager { budget: usize, eager: usize },
    #[error(
        "at most {} bytes: the budget of {budget} less {eager} of models that are loaded at start",
        .budget - .eager
    )]
    Lazy { model: usize, bytes: usize, budget: usize, eager: usize },
}

/// Whether each of `models` fits into `budget` beside those that are loaded at start.
///
/// # Errors
/// The first that never can.
pub fn check_room(models: &[Footprint], budget: Option<usize>) -> Result<(), NoRoom> {
    let Some(budget) = budget else { return Ok(()) };
    let eager = models.iter().filter(|model| model.load == LoadTime::Eager).map(|model| model.bytes).sum();
    if eager > budget {
        return Err(NoRoom::Eager { budget, eager });
    }
    let too_large = |(_, model): &(usize, &Footprint)| model.load == LoadTime::Lazy && eager + model.bytes > budget;
    match models.iter().enumerate().find(too_large) {
        Some((model, &Footprint { bytes, .. })) => Err(NoRoom::Lazy { model, bytes, budget, eager }),
        None => Ok(()),
    }
}

/// What is to be done with memory: first `evict` goes, then `model` comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadJob {
    pub model: ModelId,
    pub evict: Vec<ModelId>,
}

/// How much somebody has to do with a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Somebody waits for an output of it.
    pub is_asked: bool,
    /// Texts wait in its queue or run.
    pub is_busy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Loaded, and takes no new work.
    Draining,
    /// Not loaded, and not to be loaded before `until`.
    Failed {
        until: Instant,
    },
    Loaded,
    Loading,
    Unloaded,
}

struct Resident {
    bytes: usize,
    load: LoadTime,
    state: State,
    /// Loads that failed since one was done.
    failures: u32,
    /// When it was asked for last and when it was loaded, both by `Residency::clock`.
    used: u64,
    loaded: u64,
}

pub struct Residency {
    budget: Option<usize>,
    models: Vec<Resident>,
    /// To be loaded, those first that were asked for first.
    wanted: VecDeque<ModelId>,
    /// Counts what happens.
    clock: u64,
}

impl Residency {
    /// `models`: by their index; `budget`: bytes, none: as much as they take.
    pub fn new(models: impl Iterator<Item = Footprint>, budget: Option<usize>) -> Self {
        let resident = |Footprint { bytes, load, is_loaded }| Resident {
            bytes,
            load,
            state: if is_loaded || load == LoadTime::Eager { State::Loaded } else { State::Unloaded },
            failures: 0,
            used: 0,
            loaded: 0,
        };
        Self { budget, models: models.map(resident).collect(), wanted: VecDeque::new(), clock: 0 }
    }

    /// Whether `model` is loaded and takes work.
    pub fn is_open(&self, model: ModelId) -> bool {
        self.models[model.0].state == State::Loaded
    }

    /// Whether `model` is in memory.
    pub fn is_loaded(&self, model: ModelId) -> bool {
        matches!(self.models[model.0].state, State::Draining | State::Loaded)
    }

    /// How long `model` is not tried again after it could not be loaded; none where it is, or can be.
    pub fn pause(&self, model: ModelId, now: Instant) -> Option<Duration> {
        match self.models[model.0].state {
            State::Failed { until } if until > now => Some(until - now),
            _ => None,
        }
    }

    pub fn bytes(&self, model: ModelId) -> usize {
        self.models[model.0].bytes
    }

    pub fn budget(&self) -> Option<usize> {
        self.budget
    }

    /// Bytes of the models that are loaded or about to be.
    pub fn used_bytes(&self) -> usize {
        let takes = |model: &&Resident| matches!(model.state, State::Draining | State::Loaded | State::Loading);
        self.models.iter().filter(takes).map(|model| model.bytes).sum()
    }

    /// Whether `next` is of any use: something waits to be loaded, or has stopped waiting.
    pub fn is_waiting(&self) -> bool {
        !self.is_loading()
            && (!self.wanted.is_empty() || self.models.iter().any(|model| model.state == State::Draining))
    }

    /// Somebody asks for an output of `model`.
    pub fn ask(&mut self, model: ModelId) {
        let used = self.tick();
        let resident = &mut self.models[model.0];
        resident.used = used;
        if !matches!(resident.state, State::Loaded | State::Loading) && !self.wanted.contains(&model) {
            self.wanted.push_back(model);
        }
    }

    /// What is to be done next, once: `loaded` or `failed` says how it went. `use_of` says of each model what it is
    /// used for now; `reopened` gets those that have drained for nothing and take work again.
    pub fn next(&mut self, use_of: impl Fn(ModelId) -> Use, reopened: &mut Vec<ModelId>) -> Option<LoadJob> {
        if self.is_loading() {
            return None;
        }
        let model = self.first_wanted(&use_of, reopened);
        let victims = model.map_or_else(Vec::new, |model| self.victims(model, &use_of));
        for index in 0..self.models.len() {
            let id = ModelId(index);
            let is_victim = victims.contains(&id);
            let state = &mut self.models[index].state;
            match state {
                State::Draining if !is_victim => {
                    *state = State::Loaded;
                    self.wanted.retain(|&other| other != id);
                    reopened.push(id);
                }
                State::Loaded if is_victim => *state = State::Draining,
                _ => {}
            }
        }
        let model = model?;
        if victims.iter().any(|&victim| use_of(victim).is_busy) {
            return None;
        }
        for &victim in &victims {
            self.models[victim.0].state = State::Unloaded;
            if use_of(victim).is_asked && !self.wanted.contains(&victim) {
                self.wanted.push_back(victim);
            }
        }
        self.wanted.retain(|&other| other != model);
        self.models[model.0].state = State::Loading;
        Some(LoadJob { model, evict: victims })
    }

    /// `model` is in memory.
    pub fn loaded(&mut self, model: ModelId) {
        let loaded = self.tick();
        let resident = &mut self.models[model.0];
        (resident.state, resident.failures, resident.loaded) = (State::Loaded, 0, loaded);
    }

    /// `model` could not be loaded; returns how long it is not tried again.
    pub fn failed(&mut self, model: ModelId, now: Instant) -> Duration {
        let resident = &mut self.models[model.0];
        let pause = FIRST_PAUSE.saturating_mul(1 << resident.failures.min(31)).min(LONGEST_PAUSE);
        resident.failures += 1;
        resident.state = State::Failed { until: now + pause };
        pause
    }

    fn is_loading(&self) -> bool {
        self.models.iter().any(|model| model.state == State::Loading)
    }

    /// The first of those that are to be loaded that somebody still asks for. One that drains for nobody is reopened by
    /// that.
    fn first_wanted(&mut self, use_of: impl Fn(ModelId) -> Use, reopened: &mut Vec<ModelId>) -> Option<ModelId> {
        loop {
            let &model = self.wanted.front()?;
            let state = &mut self.models[model.0].state;
            if *state == State::Draining {
                *state = State::Loaded;
                reopened.push(model);
            } else if *state != State::Loaded && use_of(model).is_asked {
                return Some(model);
            }
            self.wanted.pop_front();
        }
    }

    /// What must go so that there is room for `model`: what is not used, the longest unused first; then what is used, and
    /// of that what was loaded first.
    fn victims(&self, model: ModelId, use_of: impl Fn(ModelId) -> Use) -> Vec<ModelId> {
        let budget = self.budget.unwrap_or(usize::MAX);
        let mut missing = self.used_bytes().saturating_add(self.bytes(model)).saturating_sub(budget);
        let lazy = self.models.iter().enumerate().filter(|(_, other)| other.load == LoadTime::Lazy);
        let loaded = lazy.filter(|&(index, _)| self.is_loaded(ModelId(index)));
        let mut candidates: Vec<_> = loaded
            .map(|(index, other)| match use_of(ModelId(index)) {
                Use { is_asked: false, is_busy: false } => ((false, other.used), index),
                _ => ((true, other.loaded), index),
            })
            .collect();
        candidates.sort_unstable();
        let needed = candidates.into_iter().map_while(|(_, index)| {
            let is_needed = missing > 0;
            missing = missing.saturating_sub(self.models[index].bytes);
            is_needed.then_some(ModelId(index))
        });
        needed.collect()
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}
