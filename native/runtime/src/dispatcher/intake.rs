//! The tokenizer threads: texts become ids, once per distinct tokenizer.

use std::{
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::Instant,
};

use chorus_core::planner::Item;

use super::{
    InferRequest, Reply, Shared, Ticket,
    state::{Phase, Tokenized},
};
use crate::error::{BatchError, InferError};

/// Tokenizes requests in order until the dispatcher closes.
pub fn serve(shared: &Shared) {
    while let Some((ticket, request)) = next(shared) {
        let started = Instant::now();
        let tokenized = panic::catch_unwind(AssertUnwindSafe(|| {
            request.texts.iter().map(|text| tokenize(shared, &request, text)).collect::<Result<Vec<_>, _>>()
        }));
        let now = Instant::now();
        let mut state = shared.state.lock();
        state.counters.tokenization(now - started);
        match tokenized {
            Ok(Ok(texts)) => {
                state.enqueue(ticket, texts, now);
                shared.wake_lane(state);
            }
            failed => {
                let reason = if let Ok(Err(error)) = failed {
                    BatchError::Runtime(format!("its tokenizer: {error}"))
                } else {
                    state.counters.panicked();
                    BatchError::Panic
                };
                let model =
                    request.models.first().map_or_else(String::new, |&id| shared.models[id.0].info.name.clone());
                let removed = state.remove(ticket);
                drop(state);
                if removed {
                    shared.reply(vec![Reply { ticket, answer: Err(InferError::Inference { model, reason }) }]);
                }
            }
        }
    }
}

fn next(shared: &Shared) -> Option<(Ticket, Arc<InferRequest>)> {
    let mut state = shared.state.lock();
    loop {
        if let Some(next) = state.next_untokenized() {
            return Some(next);
        }
        if state.phase == Phase::Closed {
            return None;
        }
        shared.texts_waiting.wait(&mut state);
    }
}

/// The ids of one text for all models of its request.
fn tokenize(shared: &Shared, request: &InferRequest, text: &str) -> Result<Tokenized, tokenizers::Error> {
    let models = || request.models.iter().map(|&id| (id, &shared.models[id.0]));
    let mut longest: BTreeMap<usize, usize> = BTreeMap::new();
    for (_, model) in models() {
        let wanted = longest.entry(model.tokenizer).or_default();
        *wanted = (*wanted).max(model.max_content(shared.tokenizers.get(model.tokenizer)));
    }
    let encode = |(&index, &max): (&usize, &usize)| {
        shared.tokenizers.get(index).encode(text, max).map(|encoded| (index, encoded))
    };
    let encoded = longest.iter().map(encode).collect::<Result<BTreeMap<_, _>, _>>()?;

    let mut items = Vec::with_capacity(request.models.len());
    let mut truncated_by = Vec::new();
    for (id, model) in models() {
        let tokenizer = shared.tokenizers.get(model.tokenizer);
        let (text, max) = (&encoded[&model.tokenizer], model.max_content(tokenizer));
        if text.truncated || text.content.len() > max {
            truncated_by.push(id);
        }
        items.push(Item { model: id, tokens: text.content.len().min(max) + tokenizer.special_count() });
    }
    let ids = encoded.into_iter().map(|(index, text)| (index, Arc::from(text.content))).collect();
    Ok(Tokenized { ids, items, truncated_by })
}
