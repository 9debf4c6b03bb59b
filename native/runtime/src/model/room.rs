//! What models take of memory, and whether a budget can hold them: found out before any of them is loaded.

use chorus_core::requests::{Footprint, LoadTime, NoRoom, check_room};
use chorus_kernels::WeightMemory;

use super::{
    Hardware, ModelConfig,
    description::{self, Description, Source},
    encoder,
    load::Loader,
};
use crate::error::LoadError;

impl Loader {
    /// Refuses what the budget can never hold, and what cannot be loaded on demand.
    pub(super) fn require_room(&self, models: &[(&ModelConfig, &Description)]) -> Result<(), LoadError> {
        if self.model_memory.is_none() && models.iter().all(|(config, _)| config.load == LoadTime::Eager) {
            return Ok(());
        }
        let footprint = |&(config, description): &(&ModelConfig, &Description)| {
            let bytes = self.bytes_of(config, description)?;
            Ok(Footprint { bytes, load: config.load, is_loaded: false })
        };
        let footprints: Vec<_> = models.iter().map(footprint).collect::<Result<_, LoadError>>()?;
        check_room(&footprints, self.model_memory).map_err(|no_room| {
            let (index, found) = match no_room {
                NoRoom::Eager { eager, .. } => {
                    (footprints.iter().rposition(|model| model.load == LoadTime::Eager), eager)
                }
                NoRoom::Lazy { model, bytes, .. } => (Some(model), bytes),
            };
            let (config, _) = models[index.unwrap_or(0)];
            description::entry(config, "load", &config.path, &no_room.to_string(), &found.to_string())
        })
    }

    /// What the model takes of memory; see [`ModelInfo::bytes`].
    fn bytes_of(&self, config: &ModelConfig, description: &Description) -> Result<usize, LoadError> {
        let never = |why: &str| Err(description::entry(config, "load", &config.path, "`load: eager`", why));
        match (&description.source, &self.hardware) {
            (Source::Graph(_), _) if config.load == LoadTime::Lazy => {
                never("`lazy` for a graph, which tells what it gives only when it is loaded")
            }
            (_, Hardware::Cuda(_)) if config.load == LoadTime::Lazy => never("`lazy` on a GPU"),
            (Source::Checkpoint(spec), Hardware::Cpu) => {
                let needs = encoder::needs(config.weights(), spec, self.precision)?;
                Ok(WeightMemory::resident(needs.bytes))
            }
            (Source::Graph(graph), Hardware::Cpu) => Ok(graph.bytes()),
            (_, Hardware::Cuda(_)) => Ok(0),
        }
    }
}
