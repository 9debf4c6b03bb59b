//! Prints what models answer, for comparisons with other implementations.
//!
//! Reads JSON lines `{"folder": "…", "graph": "model.onnx", "pooling": "mean", "texts": ["…"]}`, `graph` and `pooling`
//! as far as a profile would say them, and answers each with `{"answers": […]}`: `{"scores": [["label", 0.5], …]}`,
//! `{"vector": […]}` or `{"refused": "…"}` for every text. A folder that is refused is `{"refused": "…", "code": "…"}`.

#[path = "../tests/fuzz/alone.rs"]
mod alone;
#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    error::Error,
    io::{self, BufRead, Write as _},
    path::Path,
};

use serde_json::{Value, json};

use crate::alone::{Alone, Answer};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        writeln!(out, "{}", answers(&request)?)?;
    }
    Ok(())
}

fn answers(request: &Value) -> Result<Value, Box<dyn Error>> {
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    let texts: Vec<String> = serde_json::from_value(request["texts"].clone())?;
    let model = match Alone::load(Path::new(text("folder")), text("graph"), text("pooling")) {
        Ok(model) => model,
        Err(error) => return Ok(json!({ "refused": error.to_string(), "code": error.code() })),
    };
    let answer = |text: &String| match model.answer(text) {
        Answer::Refused(problem) => json!({ "refused": problem }),
        Answer::Scores(scores) => json!({ "scores": scores }),
        Answer::Vector(vector) => json!({ "vector": vector }),
    };
    let answers: Vec<Value> = texts.iter().map(answer).collect();
    Ok(json!({ "answers": answers }))
}
