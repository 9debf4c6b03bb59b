//! Where a model's runner is while it is in memory.

use std::sync::Arc;

use parking_lot::RwLock;

use super::Runner;
use crate::error::LoadError;

/// Brings a model's runner into memory; takes as long as that takes.
pub type LoadRunner = Box<dyn Fn() -> Result<Arc<dyn Runner>, LoadError> + Send + Sync>;

/// A runner, or what loads it.
pub struct Slot {
    runner: RwLock<Option<Arc<dyn Runner>>>,
    /// None for one that stays.
    load: Option<LoadRunner>,
}

impl Slot {
    /// A runner that stays.
    pub fn eager(runner: Arc<dyn Runner>) -> Self {
        Self { runner: RwLock::new(Some(runner)), load: None }
    }

    /// One that comes and goes; `runner` is here already, if there is one.
    pub fn lazy(runner: Option<Arc<dyn Runner>>, load: LoadRunner) -> Self {
        Self { runner: RwLock::new(runner), load: Some(load) }
    }

    pub fn is_lazy(&self) -> bool {
        self.load.is_some()
    }

    /// The runner, if it is in memory; whoever holds it keeps it there.
    pub fn runner(&self) -> Option<Arc<dyn Runner>> {
        self.runner.read().clone()
    }

    /// Brings the runner into memory, unless it is there.
    pub fn load(&self) -> Result<(), LoadError> {
        if let Some(load) = &self.load
            && self.runner().is_none()
        {
            let runner = load()?;
            *self.runner.write() = Some(runner);
        }
        Ok(())
    }

    /// Frees the memory of a runner that can be loaded again, once nobody holds it.
    pub fn unload(&self) {
        if self.is_lazy() {
            // Taken out first: freeing it takes a while, and the lock is not held meanwhile.
            let runner = self.runner.write().take();
            drop(runner);
        }
    }
}
