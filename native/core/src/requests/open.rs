//! A request that has been accepted and not yet answered.

use std::time::Instant;

use super::{FlightId, TextRequest, Ticket};
use crate::{
    content::Content,
    planner::{Class, Flow, Item, ModelId},
};

/// A request's name in here: none is used twice.
pub type RequestId = u64;

/// An accepted request and how much of its answer is still to come.
pub struct Request {
    pub ticket: Ticket,
    pub texts: Vec<TextRequest>,
    /// Those of `texts` that are prepared, by index; a text may come back before one that went out earlier.
    pub prepared: Vec<Option<PreparedText>>,
    /// The next text to go out.
    pub next: usize,
    /// Texts that have not come back.
    pub unprepared: usize,
    /// What those need, as it was estimated: seconds of a lane.
    pub unprepared_work: f64,
    /// Outputs that have not come.
    pub missing: usize,
    /// Outputs that nobody else waited for when this request asked for them.
    pub begun: usize,
    pub flow: Flow,
    pub class: Class,
    pub deadline: Option<Instant>,
    pub accepted: Instant,
    /// When its last text came back.
    pub tokenized: Instant,
}

pub struct PreparedText {
    /// In the order of the text's models; none for those that wait in `held`.
    pub flights: Vec<Option<FlightId>>,
    /// What waits for its model to be loaded.
    pub held: Vec<Piece>,
    pub truncated: Vec<ModelId>,
}

/// A text for one of its models.
pub struct Piece {
    /// Of the model in the text's list.
    pub place: usize,
    pub item: Item,
    pub content: Content,
}

/// A model that a text is to be answered by, and by which flight, once there is one.
#[derive(Clone, Copy)]
pub struct Asked {
    pub model: ModelId,
    pub flight: Option<FlightId>,
}

impl Request {
    /// Everything that it asks, each with the index of the text.
    pub fn asked(&self) -> impl Iterator<Item = (usize, Asked)> {
        self.texts.iter().zip(&self.prepared).enumerate().flat_map(|(index, (text, prepared))| {
            let flight = |place: usize| prepared.as_ref().and_then(|prepared| prepared.flights[place]);
            let asked = move |(place, &model)| (index, Asked { model, flight: flight(place) });
            text.models.iter().enumerate().map(asked)
        })
    }
}
