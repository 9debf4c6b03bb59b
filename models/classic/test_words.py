"""Which token patterns ONNX Runtime and scikit-learn read alike, over all of Unicode."""

import re
import sys
import unittest

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from sklearn.feature_extraction.text import CountVectorizer

from pipelines import WORD

SCIKIT = CountVectorizer().token_pattern
ASCII = "[a-zA-Z0-9_]+"
EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
# What fills rows up; no word of the patterns here.
PAD = "#"
HOSTILE = [
    "",
    " ",
    "\t\r\n\x0b\u2028\u00a0",
    "\0",
    "ab\0cd",
    "x" * 2**20,
    "ab " * 2**18,
    "e\u0301te\u0301",
    "\U0010ffff" * 99,
]


def tokenizer(pattern: str) -> onnxruntime.InferenceSession:
    attributes = {"pad_value": PAD, "mark": 0, "mincharnum": 1, "tokenexp": pattern}
    node = helper.make_node("Tokenizer", ["texts"], ["words"], domain="com.microsoft", **attributes)
    shapes = {"texts": [None], "words": [None, None]}
    texts, words = (helper.make_tensor_value_info(name, TensorProto.STRING, shape) for name, shape in shapes.items())
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(helper.make_graph([node], "words", [texts], [words]), opset_imports=opsets, ir_version=8)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def words(session: onnxruntime.InferenceSession, texts: list[str]) -> list[list[str]]:
    (rows,) = session.run(None, {"texts": np.array(texts, dtype=object)})
    return [[word for word in row if word != PAD] for row in rows]


class Words(unittest.TestCase):
    def assert_alike(self, exported: str, pattern: str) -> None:
        session, find = tokenizer(exported), re.compile(pattern).findall
        texts = [f"a{one}b{one}{one}c{one}" for one in EVERY_CHARACTER]
        for start in range(0, len(texts), 4096):
            some = texts[start : start + 4096]
            self.assertEqual(words(session, some), [find(text) for text in some])
        for text in HOSTILE:  # each by itself, for a row is as wide as the longest text has words
            self.assertEqual(words(session, [text]), [find(text)])

    def test_the_pipelines_words_are_those_of_scikit_learn(self) -> None:
        self.assert_alike(WORD, SCIKIT)

    def test_ascii_words_are_alike_where_both_are_given_them(self) -> None:
        self.assert_alike(ASCII, ASCII)

    def test_what_skl2onnx_puts_for_the_default_is_another(self) -> None:
        text = "na\u00efve a caf\u00e9"
        self.assertEqual(words(tokenizer(ASCII), [text]), [["na", "ve", "a", "caf"]])
        self.assertEqual(re.findall(SCIKIT, text), ["na\u00efve", "caf\u00e9"])

    def test_re2_takes_w_for_ascii(self) -> None:
        text = "caf\u00e9s"
        self.assertEqual(words(tokenizer(r"\w\w+"), [text]), [["caf"]])
        self.assertEqual(re.findall(r"\w\w+", text), [text])

    def test_re2_has_no_unicode_flag_and_python_no_unicode_classes(self) -> None:
        with self.assertRaisesRegex(Exception, "Can not digest tokenexp"):
            tokenizer(SCIKIT)
        with self.assertRaises(re.error):
            re.compile(r"[\p{L}\p{N}_]{2,}")


if __name__ == "__main__":
    unittest.main()
