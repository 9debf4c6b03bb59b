//! What of a model's folder computes it: a checkpoint's weights, or an ONNX graph.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{PICKLED, PICKLED_SHARDS, safetensors};

/// Where exporters put a graph.
const GRAPH: &str = "model.onnx";
const GRAPH_FOLDER: &str = "onnx";

/// What a profile wants to be computed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The weights, where Chorus has operators for their architecture; otherwise an ONNX graph.
    #[default]
    Auto,
    Checkpoint,
    Onnx,
}

/// What computes a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    Checkpoint,
    /// The graph's name, relative to the folder.
    Graph(String),
}

/// Why a folder has nothing that computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formless {
    pub expected: String,
    pub found: Option<String>,
}

/// The names of files in a folder and in its folder of graphs, sorted.
pub fn names_in(folder: &Path) -> Vec<String> {
    let names = |folder: PathBuf, prefix: String| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.path().is_file());
        files.map(move |entry| format!("{prefix}{}", entry.file_name().to_string_lossy()))
    };
    let graphs = folder.join(GRAPH_FOLDER);
    let mut names: Vec<String> =
        names(folder.to_owned(), String::new()).chain(names(graphs, format!("{GRAPH_FOLDER}/"))).collect();
    names.sort();
    names
}

/// Whether weights are among `names`.
fn has_weights(names: &[String]) -> bool {
    let weights = [safetensors::SINGLE, safetensors::SHARDS, PICKLED, PICKLED_SHARDS];
    names.iter().any(|name| weights.contains(&name.as_str()))
}

/// What of the files `names` computes a model; `is_known`: whether Chorus has operators for their architecture.
///
/// # Errors
/// Where there is nothing, or several graphs of which none has the usual name.
pub fn form_of(names: &[String], format: Format, is_known: bool) -> Result<Form, Formless> {
    let has_weights = has_weights(names);
    let graph = usual_graph(names);
    match (format, graph) {
        (Format::Checkpoint | Format::Auto, _) if has_weights && is_known => Ok(Form::Checkpoint),
        (Format::Auto | Format::Onnx, Ok(Some(graph))) => Ok(Form::Graph(graph.to_owned())),
        (Format::Auto | Format::Onnx, Err(several)) => Err(several),
        // The type is at fault, and whoever reads the configuration says so.
        (Format::Checkpoint | Format::Auto, _) if has_weights => Ok(Form::Checkpoint),
        (Format::Checkpoint, _) => Err(Formless { expected: weights_wanted(), found: None }),
        (Format::Onnx, _) => Err(Formless { expected: graph_wanted(), found: None }),
        (Format::Auto, _) => {
            Err(Formless { expected: format!("{}, or {}", weights_wanted(), graph_wanted()), found: None })
        }
    }
}

/// The graph `wanted` of the files `names`.
pub fn graph_named(names: &[String], wanted: &str) -> Result<Form, Formless> {
    if names.iter().any(|name| name == wanted) {
        return Ok(Form::Graph(wanted.to_owned()));
    }
    let graphs = graphs_among(names).join(", ");
    Err(Formless { expected: wanted.to_owned(), found: (!graphs.is_empty()).then_some(graphs) })
}

fn graphs_among(names: &[String]) -> Vec<&str> {
    let is_graph = |name: &&str| Path::new(name).extension().is_some_and(|extension| extension == "onnx");
    names.iter().map(String::as_str).filter(is_graph).collect()
}

/// The graph of the usual name, or the only one.
fn usual_graph(names: &[String]) -> Result<Option<&str>, Formless> {
    let graphs = graphs_among(names);
    let usual = [GRAPH.to_owned(), format!("{GRAPH_FOLDER}/{GRAPH}")];
    match usual.iter().find_map(|usual| graphs.iter().find(|graph| *graph == usual)) {
        Some(graph) => Ok(Some(graph)),
        None if graphs.len() > 1 => Err(Formless {
            expected: format!("{}, or the name of another as the model's `graph`", usual.join(" or ")),
            found: Some(graphs.join(", ")),
        }),
        None => Ok(graphs.first().copied()),
    }
}

fn weights_wanted() -> String {
    [safetensors::SINGLE, safetensors::SHARDS, PICKLED, PICKLED_SHARDS].join(", ")
}

fn graph_wanted() -> String {
    format!("an ONNX graph such as {GRAPH} or {GRAPH_FOLDER}/{GRAPH}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(names: &[&str], format: Format, is_known: bool) -> Result<Form, Formless> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        form_of(&names, format, is_known)
    }

    fn graph(name: &str) -> Form {
        Form::Graph(name.to_owned())
    }

    #[test]
    fn weights_are_preferred_where_a_graph_is_built_for_them() {
        let both = ["model.safetensors", "onnx/model.onnx"];
        assert_eq!(form(&both, Format::Auto, true), Ok(Form::Checkpoint));
        assert_eq!(form(&both, Format::Auto, false), Ok(graph("onnx/model.onnx")));
        assert_eq!(form(&both, Format::Onnx, true), Ok(graph("onnx/model.onnx")));
        assert_eq!(form(&both, Format::Checkpoint, false), Ok(Form::Checkpoint));
        assert_eq!(form(&["pytorch_model.bin"], Format::Auto, false), Ok(Form::Checkpoint));
        assert_eq!(form(&["pytorch_model.bin.index.json"], Format::Auto, true), Ok(Form::Checkpoint));
    }

    #[test]
    fn the_only_graph_needs_no_usual_name() {
        assert_eq!(form(&["onnx/model_quantized.onnx"], Format::Auto, true), Ok(graph("onnx/model_quantized.onnx")));
        assert_eq!(form(&["a.onnx", "model.onnx"], Format::Auto, true), Ok(graph("model.onnx")));
        let several = form(&["onnx/model_fp16.onnx", "onnx/model_int8.onnx"], Format::Auto, true).unwrap_err();
        assert_eq!(several.found.as_deref(), Some("onnx/model_fp16.onnx, onnx/model_int8.onnx"));
    }

    #[test]
    fn a_graph_that_is_named_is_that_one() {
        let names = ["model.onnx", "model.safetensors", "onnx/model_int8.onnx"].map(String::from);
        assert_eq!(graph_named(&names, "onnx/model_int8.onnx"), Ok(graph("onnx/model_int8.onnx")));
        let absent = graph_named(&names, "model_int8.onnx").unwrap_err();
        assert_eq!(absent.found.as_deref(), Some("model.onnx, onnx/model_int8.onnx"));
        assert_eq!(graph_named(&[], "a.onnx").unwrap_err().found, None);
    }

    #[test]
    fn what_is_wanted_and_not_there_is_named() {
        let expected = |names: &[&str], format| form(names, format, true).unwrap_err().expected;
        assert!(expected(&[], Format::Auto).contains("model.safetensors"));
        assert!(expected(&[], Format::Auto).contains("onnx/model.onnx"));
        assert!(expected(&["model.onnx"], Format::Checkpoint).contains("pytorch_model.bin.index.json"));
        assert!(expected(&["model.safetensors"], Format::Onnx).starts_with("an ONNX graph"));
    }
}
