"""A pipeline as an ONNX file that reads strings: writing it, running it, and whether it answers as scikit-learn does."""

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import StringTensorType
from sklearn.pipeline import Pipeline

# What ONNX Runtime 1.16 and later read.
OPSETS = {"": 18, "ai.onnx.ml": 3}
# How far a probability may be from scikit-learn's: the file computes in float32, scikit-learn in float64. Seen on
# 2,289 newsgroup texts are 2e-5. A label may differ where its two best probabilities are as near to each other.
TOLERANCE = 1e-4
BATCH = 64


def export(pipeline: Pipeline) -> onnx.ModelProto:
    """The trained pipeline: a column of strings in; `label` and `probabilities`, a plain array, out."""
    shorten_range(pipeline)
    model = convert_sklearn(
        pipeline,
        name="text_classifier",
        initial_types=[("text", StringTensorType([None, 1]))],
        options={id(pipeline): {"zipmap": False}},
        target_opset=OPSETS,
    )
    if any(getattr(step, "sublinear_tf", False) for _, step in pipeline.steps):
        mend_sublinear(model.graph)
    # They come from a set, in another order with each run.
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model


def shorten_range(pipeline: Pipeline) -> None:
    """Asks the vectorizer for no longer runs of words than it has learnt, which changes none of its answers.

    ONNX Runtime refuses a graph that asks for pairs and knows none (`max_gram_length must be inbounds of ngram_counts`).
    """
    vectorizer = pipeline.steps[0][1]
    shortest, longest = vectorizer.ngram_range
    known = max(term.count(" ") + 1 for term in vectorizer.vocabulary_)
    vectorizer.set_params(ngram_range=(shortest, min(longest, known)))


def mend_sublinear(graph: onnx.GraphProto) -> None:
    """Makes log(1 + n), which skl2onnx writes for `sublinear_tf`, what scikit-learn does to a count n: 1 + log(n), 0 for none.

    As max and min: log(max(n, 1)) + min(n, 1).
    """
    log = next(node for node in graph.node if node.op_type == "Log")
    plus = next(node for node in graph.node if list(node.output) == list(log.input))
    counts, ones = plus.input
    graph.initializer.remove(next(value for value in graph.initializer if value.name == ones))
    graph.initializer.append(numpy_helper.from_array(np.ones(1, np.float32), ones))
    nodes = [
        helper.make_node("Max", [counts, ones], ["at_least_one"], "at_least_one"),
        helper.make_node("Log", ["at_least_one"], ["logarithm"], "logarithm"),
        helper.make_node("Min", [counts, ones], ["at_most_one"], "at_most_one"),
        helper.make_node("Add", ["logarithm", "at_most_one"], list(log.output), "sublinear"),
    ]
    at = list(graph.node).index(plus)
    rest = [node for node in list(graph.node)[at:] if node not in (plus, log)]
    del graph.node[at:]
    graph.node.extend(nodes + rest)


def without_locale(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that leaves capitals as they are, and so needs no locale; it is given lower case."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        if node.op_type == "StringNormalizer":
            others = [value for value in node.attribute if value.name not in ("case_change_action", "locale")]
            del node.attribute[:]
            plain = {"case_change_action": "NONE", "locale": "C"}
            node.attribute.extend([*others, *(helper.make_attribute(*value) for value in plain.items())])
    return copy


class Classifier:
    """An exported pipeline in ONNX Runtime, run as the server runs it: texts are made lower case as Python does."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        # It takes the graph for one of a single text, and warns of every batch.
        options.log_severity_level = 3
        content = without_locale(model).SerializeToString()
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def classify(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """The labels of up to a batch of texts, and their probabilities, [texts, classes]."""
        column = np.array([[text.lower()] for text in texts], dtype=object)
        label, probabilities = self.session.run(["label", "probabilities"], {"text": column})
        return label, probabilities


def disagreement(answers: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> str | None:
    """In what labels and probabilities are not the expected ones, if they are not."""
    (labels, probabilities), (expected_labels, expected_probabilities) = answers, expected
    off = float(np.abs(probabilities - expected_probabilities).max())
    if not off <= TOLERANCE:  # what is no number is none as well
        return f"a probability is {off:.2g} from scikit-learn's; up to {TOLERANCE:g} is rounding"
    best = np.sort(expected_probabilities, axis=1)
    is_clear = best[:, -1] - best[:, -2] > TOLERANCE
    if different := int(((labels != expected_labels) & is_clear).sum()):
        return f"{different} of {len(labels)} labels are not scikit-learn's"
    return None
