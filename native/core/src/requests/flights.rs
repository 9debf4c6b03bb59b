//! Texts on their way through a model, each for everybody who waits for it.
//!
//! Two requests that ask a model about the same content share a flight, whatever else they ask for. A flight
//! that has landed stays, with its output, until nobody who waited for it needs it any more; one that is being computed
//! and given up by everybody can be joined until it lands.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
    time::Instant,
};

use super::open::RequestId;
use crate::{
    content::Content,
    planner::{ModelId, TextId},
};

/// A text of the planner and one of its models.
pub type FlightId = (TextId, ModelId);

pub struct Flight {
    pub content: Content,
    /// An entry for each text that waits for it; of requests that have gone, too. None once it has landed.
    waiters: Vec<RequestId>,
    /// Texts of open requests that wait for it, or need its output.
    wanted: usize,
    /// When its batch began.
    pub started: Option<Instant>,
    landed: bool,
    pub output: Option<Vec<f32>>,
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
        if !flight.landed {
            flight.waiters.push(request);
        }
        flight.wanted += 1;
        Some((id, flight))
    }

    /// A new flight, which `request` waits for.
    pub fn start(&mut self, id: FlightId, content: Content, request: RequestId) {
        self.by_content.entry(content.clone()).or_default().push(id);
        let flight = Flight { content, waiters: vec![request], wanted: 1, started: None, landed: false, output: None };
        self.flights.insert(id, flight);
    }

    pub fn get(&self, id: FlightId) -> Option<&Flight> {
        self.flights.get(&id)
    }

    pub fn get_mut(&mut self, id: FlightId) -> Option<&mut Flight> {
        self.flights.get_mut(&id)
    }

    /// The flight has its output, or has none; returns who waited for it.
    pub fn land(&mut self, id: FlightId, output: Option<Vec<f32>>) -> Vec<RequestId> {
        let Some(flight) = self.flights.get_mut(&id) else { return Vec::new() };
        flight.landed = true;
        flight.output = output;
        let waiters = mem::take(&mut flight.waiters);
        if flight.wanted == 0 {
            self.remove(id);
        }
        waiters
    }

    /// A text waits for the flight no more; returns whether nobody wants it any more and it has not begun.
    pub fn leave(&mut self, id: FlightId) -> bool {
        let Some(flight) = self.flights.get_mut(&id) else { return false };
        flight.wanted -= 1;
        let is_underway = flight.started.is_some() && !flight.landed;
        if flight.wanted > 0 || is_underway {
            return false;
        }
        self.remove(id);
        true
    }

    fn remove(&mut self, id: FlightId) {
        let Some(Flight { content, .. }) = self.flights.remove(&id) else { return };
        if let Entry::Occupied(mut others) = self.by_content.entry(content) {
            others.get_mut().retain(|other| *other != id);
            if others.get().is_empty() {
                others.remove();
            }
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.flights.is_empty() && self.by_content.is_empty()
    }
}
