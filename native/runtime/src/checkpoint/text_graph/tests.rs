use std::fs;

use super::{
    proto::{AttributeProto, GraphProto, Named, NodeProto, TensorProto},
    *,
};
use crate::checkpoint::value_info::{FLOAT, INT32, INT64, STRING};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/text");

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
}

fn node(op_type: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    NodeProto { inputs: owned(inputs), outputs: owned(outputs), op_type: op_type.to_owned(), attributes }
}

fn strings(name: &str, strings: &[&str]) -> AttributeProto {
    let strings = strings.iter().map(|string| string.as_bytes().to_vec()).collect();
    AttributeProto { name: name.to_owned(), strings, ..AttributeProto::default() }
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ints: ints.to_vec(), ..AttributeProto::default() }
}

fn lowering(input: &str, output: &str) -> NodeProto {
    let attributes = vec![
        AttributeProto::of_bytes("case_change_action", b"LOWER"),
        AttributeProto::of_bytes("locale", b"en_US.UTF-8"),
    ];
    node("StringNormalizer", &[input], &[output], attributes)
}

/// As scikit-learn's converter writes one, without what computes.
fn classifier() -> GraphProto {
    GraphProto {
        nodes: vec![
            node("Reshape", &["texts", "shape"], &["flat"], Vec::new()),
            lowering("flat", "lower"),
            node("Tokenizer", &["lower"], &["words"], vec![AttributeProto::of_bytes("pad_value", b"#")]),
            node("TfIdfVectorizer", &["words"], &["numbers"], vec![strings("pool_strings", &["ice", "puck"])]),
            node(
                "LinearClassifier",
                &["numbers"],
                &["label", "scores"],
                vec![strings("classlabels_strings", &["a", "b"])],
            ),
        ],
        initializers: Vec::new(),
        inputs: vec![ValueInfoProto::tensor_of("texts", STRING, &[None, Some(1)])],
        outputs: vec![ValueInfoProto::tensor_of("label", STRING, &[None]), ValueInfoProto::floats("scores")],
    }
}

fn read(graph: GraphProto) -> Result<TextGraph, String> {
    read_bytes(&ModelProto { graph: Some(graph) }.encode_to_vec())
}

fn read_bytes(model: &[u8]) -> Result<TextGraph, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("text.onnx");
    fs::write(&path, model).expect("writable");
    TextGraph::read(&path).map_err(|error| error.to_string())
}

/// `graph` with a value of the file's own.
fn with_constant(graph: &GraphProto, name: &str, tensor: &TensorProto) -> Result<TextGraph, String> {
    let mut named = tensor.encode_to_vec();
    named.extend(Named { name: Some(name.to_owned()) }.encode_to_vec());
    let mut bytes = graph.encode_to_vec();
    wire::append(&mut bytes, INITIALIZER, &named);
    let mut model = Vec::new();
    wire::append(&mut model, GRAPH, &bytes);
    read_bytes(&model)
}

fn graph_of(text: &TextGraph) -> GraphProto {
    ModelProto::decode(&*text.model).expect("a graph").graph.expect("a graph")
}

#[test]
fn a_classifier_is_read_and_needs_no_locale() {
    let text = read(classifier()).expect("a classifier");
    assert_eq!(text.input, "texts");
    assert!(matches!(text.given, Given::Column));
    assert_eq!((text.label.as_str(), text.scores.as_str()), ("label", "scores"));
    assert_eq!(text.classes, ["a", "b"]);
    assert!(text.lower_case && !text.runs_alone);
    let graph = graph_of(&text);
    assert_eq!(graph.nodes[1].bytes("case_change_action"), b"NONE");
    assert_eq!(graph.nodes[1].bytes("locale"), b"C");
    assert_eq!(graph.nodes[1].attributes.len(), 2, "the others are gone");
    assert_eq!(graph.nodes[2..], classifier().nodes[2..]);
}

#[test]
fn texts_may_be_a_list() {
    let mut graph = classifier();
    graph.inputs = vec![ValueInfoProto::tensor_of("texts", STRING, &[None])];
    assert!(matches!(read(graph).expect("a classifier").given, Given::List));
}

#[test]
fn what_reads_capitals_too_is_left_as_it_is() {
    let mut graph = classifier();
    graph.nodes.insert(2, node("Tokenizer", &["flat"], &["other words"], Vec::new()));
    let text = read(graph).expect("a classifier");
    assert!(!text.lower_case);
    assert_eq!(graph_of(&text).nodes[1], lowering("flat", "lower"));
}

#[test]
fn a_step_that_needs_no_locale_is_given_one_that_is_everywhere() {
    let mut graph = classifier();
    let case = AttributeProto { int: 1, ..ints("is_case_sensitive", &[]) };
    let stops = vec![strings("stopwords", &["the"]), case, AttributeProto::of_bytes("locale", b"en_US.UTF-8")];
    graph.nodes[2] = node("StringNormalizer", &["lower"], &["words"], stops);
    let text = read(graph).expect("a classifier");
    let stops = &graph_of(&text).nodes[2];
    assert_eq!((stops.bytes("locale"), stops.bytes("case_change_action")), (&b"C"[..], &b"NONE"[..]));
    assert_eq!(stops.attribute("stopwords"), Some(&strings("stopwords", &["the"])));
}

#[test]
fn one_that_compares_without_case_keeps_its_locale() {
    let mut graph = classifier();
    let case = AttributeProto { int: 0, ..ints("is_case_sensitive", &[]) };
    graph.nodes[2] = node("StringNormalizer", &["lower"], &["words"], vec![strings("stopwords", &["the"]), case]);
    let text = read(graph.clone()).expect("a classifier");
    assert_eq!(graph_of(&text).nodes[2], graph.nodes[2]);
}

#[test]
fn a_map_is_left_out_and_names_the_classes() {
    let mut graph = classifier();
    graph.nodes.push(node("ZipMap", &["scores"], &["maps"], vec![ints("classlabels_int64s", &[-1, 7])]));
    graph.nodes.push(node("Cast", &["label"], &["number"], Vec::new()));
    graph.outputs = vec![
        ValueInfoProto::tensor_of("number", INT64, &[None]),
        ValueInfoProto { name: Some("maps".to_owned()), r#type: None },
    ];
    let text = read(graph).expect("a classifier");
    assert_eq!(text.classes, ["-1", "7"]);
    assert_eq!(text.scores, "scores");
    let changed = ModelProto::decode(&*text.model).expect("a graph").graph.expect("a graph");
    assert!(changed.nodes.iter().all(|node| node.op_type != "ZipMap"));
    let outputs: Vec<&str> = changed.outputs.iter().map(ValueInfoProto::name).collect();
    assert_eq!(outputs, ["number", "scores"]);
}

#[test]
fn a_map_beside_an_array_stays() {
    let mut graph = classifier();
    graph.nodes.push(node("ZipMap", &["scores"], &["maps"], vec![strings("classlabels_strings", &["a", "b"])]));
    graph.outputs.push(ValueInfoProto { name: Some("maps".to_owned()), r#type: None });
    let changed = graph_of(&read(graph.clone()).expect("a classifier"));
    assert_eq!((changed.outputs, changed.nodes.last()), (graph.outputs, graph.nodes.last()));
}

#[test]
fn classes_are_found_where_they_are_chosen_from() {
    let chosen = |classes: &TensorProto| {
        let mut graph = classifier();
        graph.nodes[4] = node("ArgMax", &["numbers"], &["best"], Vec::new());
        graph.nodes.push(node("ArrayFeatureExtractor", &["classes", "best"], &["chosen"], Vec::new()));
        graph.nodes.push(node("Reshape", &["chosen", "shape"], &["label"], Vec::new()));
        graph.nodes.push(node("Identity", &["numbers"], &["scores"], Vec::new()));
        graph.initializers = vec![Named { name: Some("shape".to_owned()) }];
        with_constant(&graph, "classes", classes).map(|text| text.classes)
    };
    let names = vec![b"space".to_vec(), "hôckey".as_bytes().to_vec()];
    let classes = TensorProto { element: STRING, strings: names, ..TensorProto::default() };
    assert_eq!(chosen(&classes), Ok(vec!["space".to_owned(), "hôckey".to_owned()]));
    let classes = TensorProto { element: INT32, int32s: vec![3, -4], ..TensorProto::default() };
    assert_eq!(chosen(&classes), Ok(vec!["3".to_owned(), "-4".to_owned()]));
    let raw = [5_i64, -6].iter().flat_map(|number| number.to_le_bytes()).collect();
    let classes = TensorProto { element: INT64, raw, ..TensorProto::default() };
    assert_eq!(chosen(&classes), Ok(vec!["5".to_owned(), "-6".to_owned()]));
    let message = chosen(&TensorProto::default()).expect_err("no classes");
    assert!(message.contains("expected a classifier whose classes are behind the output label"), "{message}");
    assert!(message.contains("found Reshape after ArrayFeatureExtractor"), "{message}");
}

#[test]
fn a_text_runs_alone_where_what_fills_it_up_is_a_word() {
    let mut graph = classifier();
    graph.nodes[3].attributes = vec![strings("pool_strings", &["ice", "#"])];
    assert!(read(graph).expect("a classifier").runs_alone);
}

#[test]
fn what_is_no_classifier_of_texts_is_refused_by_name() {
    let message = |change: fn(&mut GraphProto)| {
        let mut graph = classifier();
        change(&mut graph);
        read(graph).expect_err("no classifier")
    };
    let two = message(|graph| graph.inputs.push(ValueInfoProto::tensor_of("more", STRING, &[None])));
    assert!(two.contains("expected one input of strings, [texts] or [texts, 1], found texts string [?, 1]"), "{two}");
    assert!(two.contains(", more string [?]"), "{two}");
    let wide = message(|graph| graph.inputs = vec![ValueInfoProto::tensor_of("texts", STRING, &[None, Some(2)])]);
    assert!(wide.contains("found texts string [?, 2]"), "{wide}");
    let unlabelled = message(|graph| drop(graph.outputs.remove(0)));
    assert!(unlabelled.contains("expected an output of classes, strings or int64, found scores float"), "{unlabelled}");
    let unscored = message(|graph| drop(graph.outputs.pop()));
    assert!(
        unscored.contains("expected an output of numbers, float, or of maps to them, found label string [?]"),
        "{unscored}"
    );
    let silent = message(|graph| graph.outputs.clear());
    assert!(silent.contains("expected an output of classes, strings or int64, found none"), "{silent}");
    let unmade = message(|graph| drop(graph.nodes.pop()));
    assert!(unmade.contains("behind the output label, found no operator"), "{unmade}");
}

#[test]
fn an_output_for_each_class_is_refused_and_one_for_all_is_looked_for_beside_others() {
    for shape in [&[None][..], &[None, Some(1)]] {
        let mut graph = classifier();
        graph.outputs.pop();
        graph.outputs.extend(["sa", "sb"].map(|name| ValueInfoProto::tensor_of(name, FLOAT, shape)));
        let message = read(graph.clone()).expect_err("two columns");
        assert!(message.contains("expected one output of numbers, [texts, classes]"), "{message}");
        assert!(message.contains("zipmap False"), "{message}");
        assert!(message.contains("found an output for each class: sa float"), "{message}");
        graph.outputs.push(ValueInfoProto::tensor_of("scores", FLOAT, &[None, Some(2)]));
        assert_eq!(read(graph).expect("a classifier").scores, "scores");
    }
}

#[test]
fn words_are_counted_outside_of_the_graph() {
    for entry in fs::read_dir(FIXTURES).expect("fixtures").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "onnx") {
            continue;
        }
        let text = TextGraph::read(&path).expect("a classifier");
        let Given::Counts(vectorizer) = &text.given else {
            assert!(path.ends_with("characters.onnx"), "{}", path.display());
            continue;
        };
        let graph = graph_of(&text);
        assert!(vectorizer.width() > 10, "{}", path.display());
        let counts = |node: &NodeProto| ["Tokenizer", "TfIdfVectorizer"].contains(&node.op_type.as_str());
        assert!(!graph.nodes.iter().any(counts), "{}", path.display());
        let inputs: Vec<&str> = graph.inputs.iter().map(ValueInfoProto::name).collect();
        assert_eq!(inputs, [text.input.as_str()]);
        assert!(!text.runs_alone);
    }
}

#[test]
fn what_is_done_beside_the_counts_is_the_graphs() {
    let counted = || {
        let mut graph = classifier();
        graph.nodes[2].attributes.push(AttributeProto::of_bytes("tokenexp", b"[a-z]+"));
        let pool = ["ice", "puck", "ice", "puck"];
        graph.nodes[3].attributes = vec![
            AttributeProto::of_bytes("mode", b"TF"),
            AttributeProto { int: 2, ..ints("max_gram_length", &[]) },
            ints("ngram_counts", &[0, 2]),
            ints("ngram_indexes", &[0, 2, 1]),
            strings("pool_strings", &pool),
        ];
        graph
    };
    let counts = |graph: GraphProto| match read(graph).expect("a classifier").given {
        Given::Counts(vectorizer) => {
            let mut row = vec![0.0; vectorizer.width()];
            vectorizer.write("ice puck puck", &mut row);
            Some(row)
        }
        _ => None,
    };
    assert_eq!(counts(counted()), Some(vec![1.0, 1.0, 2.0]));

    let mut scaled = counted();
    scaled
        .nodes
        .insert(4, node("Normalizer", &["numbers"], &["normed"], vec![AttributeProto::of_bytes("norm", b"L1")]));
    scaled.nodes[5].inputs = vec!["normed".to_owned()];
    assert_eq!(counts(scaled), Some(vec![0.25, 0.25, 0.5]));

    // 1 + ln(x), by whoever knows that scikit-learn has no ln(1 + x).
    let mut logarithm = counted();
    let ones = |op_type: &str, output: &str| node(op_type, &["numbers", "ones"], &[output], Vec::new());
    logarithm.nodes.truncate(4);
    logarithm.nodes.extend([
        ones("Max", "most"),
        ones("Min", "least"),
        node("Log", &["most"], &["log"], Vec::new()),
        node("Add", &["log", "least"], &["numbers again"], Vec::new()),
        node(
            "LinearClassifier",
            &["numbers again"],
            &["label", "scores"],
            vec![strings("classlabels_strings", &["a", "b"])],
        ),
    ]);
    assert_eq!(counts(logarithm.clone()), Some(vec![1.0, 1.0, 2.0]), "the graph's, where `ones` are not ones");
    let ones = TensorProto { element: FLOAT, floats: vec![1.0], ..TensorProto::default() };
    let Given::Counts(vectorizer) = with_constant(&logarithm, "ones", &ones).expect("a classifier").given else {
        panic!("words are counted")
    };
    let mut row = vec![0.0; vectorizer.width()];
    vectorizer.write("ice puck puck", &mut row);
    assert_eq!(row, [1.0, 1.0, 1.0 + 2.0_f32.ln()]);

    // Two read the counts: what one does is not done for the other.
    let mut twice = counted();
    twice.nodes.insert(4, node("Normalizer", &["numbers"], &["normed"], vec![AttributeProto::of_bytes("norm", b"L1")]));
    twice.nodes.push(node("Identity", &["normed"], &["unused"], Vec::new()));
    assert_eq!(counts(twice), Some(vec![1.0, 1.0, 2.0]));

    for (name, value) in [("mode", "TFIDF"), ("mode", "IDF")] {
        let mut weighted = counted();
        weighted.nodes[3].attributes[0] = AttributeProto::of_bytes(name, value.as_bytes());
        assert_eq!(counts(weighted), None, "{value}");
    }
    let mut marked = counted();
    marked.nodes[2].attributes.push(AttributeProto { int: 1, ..ints("mark", &[]) });
    assert_eq!(counts(marked), None);
    let mut skipping = counted();
    skipping.nodes[3].attributes.push(AttributeProto { int: 1, ..ints("max_skip_count", &[]) });
    assert_eq!(counts(skipping), None);
    let mut vast = counted();
    vast.nodes[3].attributes[3] = ints("ngram_indexes", &[0, 2, 1 << 40]);
    assert_eq!(counts(vast), None);
    let mut capitals = counted();
    capitals.nodes.push(node("Tokenizer", &["flat"], &["others"], Vec::new()));
    assert_eq!(counts(capitals), None, "what makes lower case is in the graph");
}
