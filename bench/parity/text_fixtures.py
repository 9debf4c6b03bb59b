"""Writes native/fixtures/text: small scikit-learn pipelines as ONNX files, with what scikit-learn answers.

    python bench/parity/text_fixtures.py

With the versions in text_requirements.txt the same bytes on every run. Texts are told apart by words of ASCII letters,
digits and underscores, which scikit-learn and ONNX Runtime read alike; README.md there says what they do not.
"""

import json
import sys
import unicodedata
import warnings
from pathlib import Path

import numpy as np
from lightgbm import LGBMClassifier
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
from skl2onnx import convert_sklearn, update_registered_converter
from skl2onnx.common.data_types import StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC
from xgboost import XGBClassifier

FOLDER = Path(__file__).resolve().parents[2] / "native" / "fixtures" / "text"
WORDS = "[a-zA-Z0-9_]+"
OPSETS = {"": 15, "ai.onnx.ml": 3}

TRAINED = {
    "hockey": [
        "The goalie made a late save",
        "A puck on the ice rink",
        "Their goalie left the ice",
        "Third period, one more goal",
    ],
    "space": [
        "The orbit of a small moon",
        "A rocket on its launch pad",
        "Moon dust in the air filter",
        "Launch window closes at noon",
    ],
    "cryptography": [
        "Keep the private key secret",
        "A cipher with a longer key",
        "Hash the message, then sign",
        "The secret is in the cipher",
    ],
}

# Also what is hardly a text: a server must answer it as scikit-learn does.
TEXTS = [
    *[text for texts in TRAINED.values() for text in texts],
    "",
    " ",
    " \t\n\r ",
    "...",
    "\u0000",
    "a\u0000goalie\u0000on ice",
    "THE GOALIE AND THE PUCK",
    "goalie " * 3000,
    "İSTANBUL key",
    "ΟΔΟΣ ΣΊΣΥΦΟΣ moon",
    "naïve cipher, ﬁle of keys",
    "日本の 月 moon と 衛星",
    "مفتاح key سري",
    "👩‍🚀🚀 launch 🧑🏽‍🚀",
    "# # # goalie #",
    "key_1 KEY_1 ke\u0301y",
    "x" * 5000,
    "".join(map(chr, range(0x20, 0x250))),
    "".join(chr(0x10000 * plane + at) for plane in range(17) for at in (0x41, 0x100, 0x3A3)),
]


class Dense(XGBClassifier):
    """XGBoost takes what a sparse matrix leaves out for missing, and its ONNX file takes it for zero."""

    def fit(self, numbers, labels):
        return super().fit(numbers.toarray(), labels)

    def predict(self, numbers):
        return super().predict(numbers.toarray())

    def predict_proba(self, numbers):
        return super().predict_proba(numbers.toarray())


# A Σ at the end of a word is a ς, whatever stands around it that is no letter.
SIGMAS = ["ΟΔΟΣ", "ΟΔΟΣ.", "ΟΔΟΣ Σ", "ΣΑΣ'Σ", "Α\u0301Σ\u0301", "Σ", "ΑΣΑ", "Α.Σ", "1Σ", "ΑΣ1"]


def pipelines():
    """By name: a pipeline, what its labels are, the shape of its input, and its options."""
    tfidf = lambda **options: TfidfVectorizer(token_pattern=WORDS, **options)
    names, numbers, two = (lambda label: label), list(TRAINED).index, lambda label: "ice" if label == "hockey" else "no ice"
    array, maps = {"zipmap": False}, {"zipmap": True}
    column, texts = [None, 1], [None]
    return {
        "logistic": (make_pipeline(tfidf(ngram_range=(1, 2)), LogisticRegression()), names, column, array),
        "logistic-binary": (make_pipeline(tfidf(), LogisticRegression()), two, texts, maps),
        "logistic-int64": (make_pipeline(tfidf(), LogisticRegression()), numbers, texts, maps),
        "naive-bayes": (
            make_pipeline(CountVectorizer(token_pattern=WORDS), TfidfTransformer(), MultinomialNB()),
            names,
            column,
            maps,
        ),
        "naive-bayes-int64": (make_pipeline(tfidf(), MultinomialNB()), numbers, column, array),
        "linear-svc": (make_pipeline(tfidf(), LinearSVC(random_state=0)), names, column, {}),
        "linear-svc-binary": (make_pipeline(tfidf(), LinearSVC(random_state=0)), two, column, {}),
        "svc": (make_pipeline(tfidf(), SVC(probability=True, random_state=0)), names, column, array),
        "calibrated": (make_pipeline(tfidf(), CalibratedClassifierCV(LinearSVC(random_state=0), cv=2)), names, column, array),
        "sgd-hinge": (make_pipeline(tfidf(), SGDClassifier(random_state=0)), names, column, maps),
        "sgd-hinge-binary": (make_pipeline(tfidf(), SGDClassifier(random_state=0)), two, column, array),
        "sgd-log": (make_pipeline(tfidf(), SGDClassifier(loss="log_loss", random_state=0)), names, column, array),
        "xgboost": (make_pipeline(tfidf(), Dense(n_estimators=3, n_jobs=1)), numbers, column, array),
        "lightgbm": (
            make_pipeline(tfidf(), LGBMClassifier(n_estimators=3, min_child_samples=1, n_jobs=1, verbose=-1)),
            names,
            column,
            array,
        ),
        # What shorter texts are filled up with is a character that it knows.
        "characters": (make_pipeline(TfidfVectorizer(analyzer="char", lowercase=False), LogisticRegression()), names, column, array),
    }


def main():
    warnings.filterwarnings("ignore")
    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    for model, alias, convert in (
        (Dense, "XGBoostXGBClassifier", convert_xgboost),
        (LGBMClassifier, "LightGbmLGBMClassifier", convert_lightgbm),
    ):
        update_registered_converter(model, alias, calculate_linear_classifier_output_shapes, convert, options=options)
    trained = [(text, label) for label, texts in TRAINED.items() for text in texts]
    FOLDER.mkdir(exist_ok=True)
    expected = {}
    for name, (pipeline, label_of, shape, options) in pipelines().items():
        texts = [text + (" ##" if name == "characters" else "") for text, _ in trained]
        pipeline.fit(texts, np.array([label_of(label) for _, label in trained]))
        graph = convert_sklearn(
            pipeline,
            name=name,
            initial_types=[("text", StringTensorType(shape))],
            options={id(pipeline if options else pipeline.steps[-1][1]): options},
            target_opset=OPSETS,
        )
        (FOLDER / f"{name}.onnx").write_bytes(graph.SerializeToString(deterministic=True))
        expected[name] = answers(pipeline, name)
    write("expected.json", {"texts": TEXTS, "models": expected})
    letters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    lower = {text: text.lower() for text in [*letters, *SIGMAS] if text.lower() != text}
    write("lower.json", {"unicode": unicodedata.unidata_version, "lower": lower})


def write(name, document):
    (FOLDER / name).write_text(json.dumps(document, ensure_ascii=True, indent=1) + "\n")


def answers(pipeline, name):
    has_probabilities = hasattr(pipeline, "predict_proba")
    texts = TEXTS
    if name == "characters":
        # scikit-learn makes one blank of several, ONNX Runtime does not, and its `.` is no line break.
        texts = [text for text in texts if text.split() == text.split(" ")]
    if name == "xgboost":
        # It splits at the very numbers of training texts, which rounding puts on either side.
        texts = [text for text in texts if all(text not in trained for trained in TRAINED.values())]
    scores = pipeline.predict_proba(texts) if has_probabilities else pipeline.decision_function(texts)
    # Of two classes a decision function gives the distance of the second alone.
    scores = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
    return {
        "classes": [str(label) for label in pipeline.classes_],
        "probabilities": has_probabilities,
        "texts": [TEXTS.index(text) for text in texts],
        "labels": [str(label) for label in pipeline.predict(texts)],
        "scores": [[float(f"{score:.9g}") for score in row] for row in scores.tolist()],
    }


if __name__ == "__main__":
    main()
