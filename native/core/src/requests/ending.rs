//! How a request comes to its one reply: all its outputs are there, one of them cannot be, its client has gone, its time
//! is up, or nothing can be trusted any more.

use std::{
    mem,
    time::{Duration, Instant},
};

use super::{
    Answer, BatchError, FlightId, InferError, Reply, Requests, Ticket, Timing,
    open::{Asked, PreparedText, Request, RequestId},
};
use crate::planner::ModelId;

impl Requests {
    /// Takes a request back, whose client has gone. One that is not open is ignored.
    pub fn cancel(&mut self, ticket: Ticket, now: Instant) -> Option<Reply> {
        let &id = self.by_ticket.get(&ticket)?;
        let waited =
            self.open.get(&id).map_or(Duration::ZERO, |request| now.saturating_duration_since(request.accepted));
        self.admission.patience.gone(waited, now);
        self.end(id, InferError::Cancelled)
    }

    /// Ends the requests whose deadline has passed; all of them, once nothing can be trusted any more.
    pub fn expire(&mut self, now: Instant) -> Vec<Reply> {
        if self.broken {
            return self.abandon();
        }
        while let Some(&(deadline, id)) = self.deadlines.first()
            && deadline <= now
        {
            let after = self.open.get(&id).map_or(Duration::ZERO, |request| deadline - request.accepted);
            let reply = self.end(id, InferError::DeadlineExceeded { after });
            self.replies.extend(reply);
        }
        mem::take(&mut self.replies)
    }

    /// Accepts nothing more, and ends everything that is open.
    pub fn abandon(&mut self) -> Vec<Reply> {
        self.broken = true;
        let open: Vec<RequestId> = self.open.keys().copied().collect();
        for id in open {
            let reply = self.end(id, InferError::Broken);
            self.replies.extend(reply);
        }
        mem::take(&mut self.replies)
    }

    /// A flight has its output, or has none: adds the replies to the requests that this ends.
    pub(super) fn land(&mut self, id: FlightId, output: Result<Vec<f32>, BatchError>, now: Instant) {
        let (_, model) = id;
        let (output, failure) = match output {
            Ok(output) => (Some(output), None),
            Err(reason) => (None, Some(reason)),
        };
        for request in self.flights.land(id, output) {
            let reply = match &failure {
                None => self.advance(request, model, now),
                Some(reason) => {
                    let fails = |_, asked: Asked| (asked.flight == Some(id)).then(|| reason.clone());
                    let request = self.remove(request, fails);
                    request.map(|request| Reply { ticket: request.ticket, answer: Err(self.failure(model, reason)) })
                }
            };
            self.replies.extend(reply);
        }
    }

    /// One more output of a request has come; returns the reply if it was the last.
    fn advance(&mut self, id: RequestId, model: ModelId, now: Instant) -> Option<Reply> {
        let request = self.open.get_mut(&id)?;
        request.missing -= 1;
        let is_complete = request.missing == 0;
        self.counters.done(model);
        if is_complete { self.answer(id, now) } else { None }
    }

    /// The reply to a request whose outputs have all come.
    pub(super) fn answer(&mut self, id: RequestId, now: Instant) -> Option<Reply> {
        let request = self.open.get(&id)?;
        let timing = self.timing(request, now);
        let mut answer = Answer { begun: request.begun, timing, ..Answer::default() };
        for (index, text) in request.prepared.iter().enumerate() {
            let PreparedText { flights, truncated, .. } = text.as_ref()?;
            let outputs = flights.iter().filter_map(|&flight| self.flights.get(flight?)?.output.as_ref());
            outputs.for_each(|output| answer.numbers.extend_from_slice(output));
            answer.truncated.extend(truncated.iter().map(|&model| (index, model)));
        }
        let request = self.remove(id, |_, _| None)?;
        self.admission.patience.stayed();
        Some(Reply { ticket: request.ticket, answer: Ok(answer) })
    }

    /// Where the time of a request went that ends now. A text that was on its way already has not waited.
    fn timing(&self, request: &Request, now: Instant) -> Timing {
        let flights = request.prepared.iter().flatten().flat_map(|text| &text.flights);
        let started = flights.filter_map(|&flight| self.flights.get(flight?)?.started).min();
        let started = started.unwrap_or(now).max(request.tokenized);
        Timing {
            tokenization: request.tokenized - request.accepted,
            queue: started - request.tokenized,
            inference: now - started,
        }
    }

    /// Ends a request without an answer.
    fn end(&mut self, id: RequestId, reason: InferError) -> Option<Reply> {
        let request = self.remove(id, |_, _| None)?;
        Some(Reply { ticket: request.ticket, answer: Err(reason) })
    }

    /// Takes a request out, gives its places back, and lets go of what it waited for. What it was not answered counts
    /// as cancelled, but for what `fails`, by the index of its text.
    pub(super) fn remove(
        &mut self,
        id: RequestId,
        fails: impl Fn(usize, Asked) -> Option<BatchError>,
    ) -> Option<Request> {
        let request = self.open.remove(&id)?;
        self.by_ticket.remove(&request.ticket);
        self.admission.leave(request.texts.len());
        // What is left of sums and differences is not kept for ever.
        self.unprepared_work = if self.open.is_empty() { 0.0 } else { self.unprepared_work - request.unprepared_work };
        if let Some(deadline) = request.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        // An answered request has all its outputs.
        let unanswered = (request.missing > 0).then(|| request.asked()).into_iter().flatten();
        for (index, asked) in unanswered {
            let output = asked.flight.and_then(|flight| self.flights.get(flight)?.output.as_ref());
            if output.is_none() {
                match fails(index, asked) {
                    Some(reason) => self.counters.failed(asked.model, &reason),
                    None => self.counters.cancelled(asked.model),
                }
            }
        }
        for piece in request.prepared.iter().flatten().flat_map(|text| &text.held) {
            self.held -= 1;
            self.waiting[piece.item.model.0].remove(&id);
        }
        self.may_load = true;
        for &flight in request.prepared.iter().flatten().flat_map(|text| &text.flights).flatten() {
            if self.flights.leave(flight) {
                let (text, model) = flight;
                self.planner.cancel(text, model);
            }
        }
        Some(request)
    }

    pub(super) fn failure(&self, model: ModelId, reason: &BatchError) -> InferError {
        let model = self.models[model.0].name.clone();
        match reason {
            &BatchError::NotLoaded { retry_after } => InferError::ModelUnavailable { model, retry_after },
            BatchError::Unreadable(problem) => InferError::Unreadable { model, problem: problem.clone() },
            reason => InferError::Inference { model, reason: reason.clone() },
        }
    }
}
