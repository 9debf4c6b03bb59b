"""The shipped encoder as sentence-transformers reads it, and the parts of its training that need no teacher."""

import random
import unittest

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import BertWordPieceTokenizer

from evaluate import by_meaning, figures, read_sets
from questions import read_corpus
from shape import DIMENSIONS, ENCODER, LONGEST
from starter import HERE
from texts import in_a_row, replaced
from tokenization import BERT_SPECIAL
from vocabulary import choose_pieces, words_of

MEGABYTE = 10**6


class Shipped(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.model = SentenceTransformer(str(ENCODER), device="cpu")

    def test_the_folder_is_small(self) -> None:
        self.assertLess(sum(path.stat().st_size for path in ENCODER.rglob("*")), 6 * MEGABYTE)

    def test_the_folder_says_everything_that_is_computed(self) -> None:
        vectors = self.model.encode(["Why so serious?", "x " * 500])
        self.assertEqual(vectors.shape, (2, DIMENSIONS))
        self.assertEqual(vectors.dtype, np.float32)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
        self.assertEqual(self.model.max_seq_length, LONGEST)
        self.assertEqual(next(self.model.parameters()).dtype, torch.float32)

    def test_every_question_finds_itself(self) -> None:
        texts = [question.text for question in read_corpus()]
        vectors = self.model.encode(texts)
        self.assertEqual((vectors @ vectors.T).argmax(1).tolist(), list(range(len(texts))))

    def test_held_out_paraphrases_find_their_questions(self) -> None:
        searched, asked, meant = read_sets(HERE / "none")["test"]
        accuracy, _ = figures(by_meaning(ENCODER)(searched, asked), meant)
        self.assertGreater(accuracy, 0.9)


class Figures(unittest.TestCase):
    def test_the_text_that_is_meant_counts_as_the_last_of_equals(self) -> None:
        scores = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
        self.assertEqual(figures(scores, [0, 0, 0]), (1 / 3, 2 / 3))

    def test_what_is_not_among_the_best_ten_counts_nothing(self) -> None:
        self.assertEqual(figures(np.arange(11.0)[None], [0]), (0, 0))


class Training(unittest.TestCase):
    def setUp(self) -> None:
        characters = "abcdefghijklmnopqrstuvwxyz0123456789"
        pieces = [*BERT_SPECIAL, "?", "\u00e9", *characters, *("##" + character for character in characters)]
        pieces += ["the", "##ing", "how", "serious"]
        vocabulary = {piece: id_ for id_, piece in enumerate(pieces)}
        self.teacher = BertWordPieceTokenizer(vocabulary, lowercase=True)._tokenizer

    def test_pieces_of_the_texts_come_before_more_frequent_ones(self) -> None:
        needed = len(BERT_SPECIAL) + 2 * 36 + 1 + 1
        pieces = choose_pieces(self.teacher, ["serious"], needed)
        self.assertIn("serious", pieces)
        self.assertNotIn("the", pieces)
        self.assertNotIn("\u00e9", pieces)
        self.assertEqual(pieces[:5], list(BERT_SPECIAL))
        self.assertEqual(choose_pieces(self.teacher, ["serious"], needed + 2)[-3:], ["the", "##ing", "serious"])

    def test_too_few_pieces_are_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "20 pieces are too few: the texts have 74 already"):
            choose_pieces(self.teacher, ["serious"], 20)

    def test_words_are_whole_and_not_short(self) -> None:
        self.assertEqual(words_of(["[UNK]", "a", "##ing", "how", "100", "serious"]), ["how", "serious"])

    def test_the_words_that_ask_stay_and_others_are_replaced(self) -> None:
        sentences = ["how do cats purr?", "how do dogs bark?"]
        made = replaced(sentences, ["rockets", "moons"], 50, random.Random(1), plain=2)
        self.assertEqual(len(made), len(set(made)))
        for text in made:
            self.assertRegex(text, r"^how do (cats|dogs|rockets|moons) (purr|bark|rockets|moons)\?$")
            self.assertRegex(text, "rockets|moons")

    def test_rows_of_words_have_two_to_four(self) -> None:
        rows = in_a_row(["one", "two", "three", "four"], 50, random.Random(1))
        self.assertEqual({len(row.split()) for row in rows}, {2, 3, 4})


if __name__ == "__main__":
    unittest.main()
