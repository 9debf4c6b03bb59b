//! Texts on their way through a model, each for everybody who waits for it.
//!
//! Two requests that ask a model about the same content share a flight, whatever else they ask for. A flight
//! that has landed stays, with its output, until nobody who waited for it needs it any more.

use std::{
    collections::{HashMap, hash_map::Entry},
    time::Instant,
};

use super::RequestId;
use crate::{
    content::Content,
    planner::{ModelId, TextId},
};

/// A text of the planner and one of its models.
pub type FlightId = (TextId, ModelId);

pub struct Flight {
    pub content: Content,
    /// An entry for each text that waits for it; of requests that have gone, too.
    pub waiters: Vec<RequestId>,
    /// Waiters whose requests are open.
    wanted: usize,
    pub output: Option<Vec<f32>>,
    /// When its batch began.
    pub started: Option<Instant>,
}

#[derive(Default)]
pub struct Flights {
    flights: HashMap<FlightId, Flight>,
    /// Those that can be joined: all.
    by_content: HashMap<Content, Vec<FlightId>>,
}

impl Flights {
    /// The flight of `content` through `model`, if there is one; the request waits for it from now on.
    pub fn join(&mut self, content: &Content, model: ModelId, request: RequestId) -> Option<(FlightId, &Flight)> {
        let id = *self.by_content.get(content)?.iter().find(|(_, other)| *other == model)?;
        let flight = self.flights.get_mut(&id)?;
        flight.waiters.push(request);
        flight.wanted += 1;
        Some((id, flight))
    }

    /// A new flight, which `request` waits for.
    pub fn start(&mut self, id: FlightId, content: Content, request: RequestId) {
        self.by_content.entry(content.clone()).or_default().push(id);
        let flight = Flight { content, waiters: vec![request], wanted: 1, output: None, started: None };
        self.flights.insert(id, flight);
    }

    pub fn get(&self, id: FlightId) -> Option<&Flight> {
        self.flights.get(&id)
    }

    pub fn get_mut(&mut self, id: FlightId) -> Option<&mut Flight> {
        self.flights.get_mut(&id)
    }

    /// A text waits for the flight no more; returns whether it was the last.
    pub fn leave(&mut self, id: FlightId) -> bool {
        let Entry::Occupied(mut entry) = self.flights.entry(id) else { return false };
        entry.get_mut().wanted -= 1;
        if entry.get().wanted > 0 {
            return false;
        }
        let Flight { content, .. } = entry.remove();
        if let Entry::Occupied(mut others) = self.by_content.entry(content) {
            others.get_mut().retain(|other| *other != id);
            if others.get().is_empty() {
                others.remove();
            }
        }
        true
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty() && self.by_content.is_empty()
    }
}
