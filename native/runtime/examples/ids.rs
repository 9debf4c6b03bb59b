//! Prints the token ids of texts, for comparisons with other implementations.
//!
//! Reads JSON lines `{"folder": "…", "texts": ["…"], "limit": 64}` and answers each with `{"ids": [[…]], "max": 64}`, or
//! with `{"error": "…"}` where the folder's tokenizer is refused. `limit` is what the model reads, special tokens
//! included; `max` is that or what the folder states.

use std::{
    error::Error,
    io::{self, BufRead},
    path::Path,
};

use chorus_runtime::tokenizer::{Folder, TextTokenizer};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        println!("{}", answer(&request).unwrap_or_else(|error| json!({ "error": error.to_string() })));
    }
    Ok(())
}

fn answer(request: &Value) -> Result<Value, Box<dyn Error>> {
    let folder = Path::new(request["folder"].as_str().ok_or("no folder")?);
    let limit = request["limit"].as_u64().ok_or("no limit")? as usize;
    let folder = Folder::open(folder)?;
    let max = folder.max_tokens()?.unwrap_or(limit).min(limit);
    let tokenizer = TextTokenizer::of(&folder)?;
    let texts: Vec<String> = serde_json::from_value(request["texts"].clone())?;
    let ids = texts.iter().map(|text| {
        let content =
            tokenizer.encode(text, max.saturating_sub(tokenizer.special_count())).map_err(|e| e.to_string())?;
        Ok([tokenizer.prefix(), &content.content, tokenizer.suffix()].concat())
    });
    let ids: Vec<Vec<u32>> = ids.collect::<Result<_, String>>()?;
    Ok(json!({ "ids": ids, "max": max }))
}
