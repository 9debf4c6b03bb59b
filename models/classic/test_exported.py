"""An exported pipeline answers as scikit-learn does, and a file that does not is noticed."""

import unittest

import numpy as np
import onnx

from exported import TOLERANCE, Classifier, disagreement, export
from pipelines import PIPELINES
from probe import read_probe
from train import HERE

HOSTILE = [
    "",
    " ",
    " \t\r\n",
    "\0",
    "puck\0puck\0goal",
    "THE PUCK, THE PUCK!",
    "\u0130STANBUL \u039f\u0394\u039f\u03a3 puck",
    "puck " * 2**18,
    "x" * 2**20,
    "puck goal puck goal puck puck",
    "".join(chr(0x10000 * plane + at) for plane in range(17) for at in (0x41, 0x100, 0x3A3)),
]


class Exported(unittest.TestCase):
    def test_both_pipelines_answer_as_scikit_learn_does(self) -> None:
        labels, texts = read_probe()
        # Words of another alphabet, whose capitals have two small forms, must be learnt as well.
        texts = [*texts, "\u039f\u0394\u039f\u03a3 \u0130stanbul", "\u039f\u0394\u039f\u03a3 \u0130stanbul puck"]
        labels = [*labels, "politics", "hockey"]
        for name, pipeline_of in PIPELINES.items():
            with self.subTest(name):
                pipeline = pipeline_of().fit(texts, labels)
                classifier = Classifier(export(pipeline))
                for text in [*texts, *HOSTILE]:
                    answers, expected = classifier.classify([text, ""]), [text, ""]
                    expected = (pipeline.predict(expected), pipeline.predict_proba(expected))
                    self.assertIsNone(disagreement(answers, expected))

    def test_words_are_enough_where_no_pair_occurs_twice(self) -> None:
        texts, labels = ["puck", "goalie", "moon", "orbit"] * 2, ["hockey", "hockey", "space", "space"] * 2
        pipeline = PIPELINES["default"]().fit(texts, labels)
        expected = (pipeline.predict([*texts, "a puck"]), pipeline.predict_proba([*texts, "a puck"]))
        answers = Classifier(export(pipeline)).classify([*texts, "a puck"])
        self.assertIsNone(disagreement(answers, expected))

    def test_a_file_that_answers_otherwise_is_noticed(self) -> None:
        expected = (np.array(["a", "b"]), np.array([[0.8, 0.2], [0.4, 0.6]]))
        self.assertIsNone(disagreement(expected, expected))
        off = (expected[0], expected[1] + 2 * TOLERANCE)
        self.assertIn("a probability is", disagreement(off, expected) or "")
        swapped = (np.array(["a", "a"]), expected[1])
        self.assertIn("1 of 2 labels", disagreement(swapped, expected) or "")
        none = (expected[0], expected[1] * np.nan)
        self.assertIn("a probability is", disagreement(none, expected) or "")


class Shipped(unittest.TestCase):
    def test_the_shipped_model_knows_sentences_that_it_was_not_trained_on(self) -> None:
        labels, texts = read_probe()
        answers, probabilities = Classifier(onnx.load(HERE / "text_classifier.onnx")).classify(texts)
        right = sum(map(str.__eq__, labels, answers))
        self.assertGreaterEqual(right / len(texts), 0.9)
        self.assertEqual(probabilities.shape, (len(texts), 6))


if __name__ == "__main__":
    unittest.main()
