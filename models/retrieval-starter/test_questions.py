"""The corpus and its paraphrases: what the shipped files hold, and how a fault in such a file is told."""

import json
import tempfile
import unittest
from collections import Counter
from pathlib import Path

from questions import HELD_OUT, QuestionsFault, bare, read_corpus, read_paraphrases

GOOD = {"id": "a-1", "topic": "a", "text": "Why?"}
CORPUS_FAULTS = {
    "{": "corpus.jsonl:2: not JSON",
    "[]": "corpus.jsonl:2: an object with id, text, topic is needed",
    json.dumps({"id": "a-2", "text": "How?"}): "corpus.jsonl:2: an object with id, text, topic is needed",
    json.dumps(GOOD | {"id": 2}): "corpus.jsonl:2: id is no text",
    json.dumps(GOOD | {"id": "a-2", "text": " "}): "corpus.jsonl:2: text is no text",
    json.dumps(GOOD | {"text": "How?"}): "corpus.jsonl:2: line 1 has the same id",
    json.dumps(GOOD | {"id": "a-2", "text": "why ?"}): "corpus.jsonl:2: line 1 has the same id or text",
}
PARAPHRASE_FAULTS = {
    "a-1 But why?": "train.tsv:2: a question's id, a tab",
    "a-1\t ": "train.tsv:2: a question's id, a tab",
    "a-9\tBut why?": "train.tsv:2: no question has the id a-9",
    "a-1\twhat for": "train.tsv:2: line 1 has the same text",
}


class Shipped(unittest.TestCase):
    def setUp(self) -> None:
        self.questions = read_corpus()
        self.paraphrases = {name: read_paraphrases(name, self.questions) for name in ("train", *HELD_OUT)}

    def test_the_corpus_has_hundreds_of_questions_of_many_topics(self) -> None:
        self.assertIn("Why so serious?", [question.text for question in self.questions])
        self.assertGreater(len(self.questions), 300)
        self.assertGreater(min(Counter(question.topic for question in self.questions).values()), 15)

    def test_every_question_has_paraphrases_to_train_on(self) -> None:
        self.assertEqual({row.id for row in self.paraphrases["train"]}, {question.id for question in self.questions})

    def test_no_text_stands_in_two_files(self) -> None:
        texts = [bare(question.text) for question in self.questions]
        texts += [bare(row.text) for rows in self.paraphrases.values() for row in rows]
        self.assertEqual([text for text, times in Counter(texts).items() if times > 1], [])

    def test_each_held_out_file_has_more_than_a_hundred_texts(self) -> None:
        for name in HELD_OUT:
            self.assertGreater(len(self.paraphrases[name]), 100, name)

    def test_texts_are_printable_without_blanks_around_them(self) -> None:
        for row in [*self.questions, *(row for rows in self.paraphrases.values() for row in rows)]:
            self.assertEqual(row.text, row.text.strip())
            self.assertTrue(row.text.isprintable(), row.text)


class Faults(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_a_fault_of_the_corpus_is_told_by_file_and_line(self) -> None:
        path = self.folder / "corpus.jsonl"
        for line, message in CORPUS_FAULTS.items():
            path.write_text(f"{json.dumps(GOOD)}\n{line}\n", "utf-8")
            with self.subTest(line), self.assertRaises(QuestionsFault) as raised:
                read_corpus(path)
            self.assertIn(message, str(raised.exception))

    def test_a_fault_of_a_paraphrase_is_told_by_file_and_line(self) -> None:
        (self.folder / "corpus.jsonl").write_text(json.dumps(GOOD) + "\n", "utf-8")
        questions = read_corpus(self.folder / "corpus.jsonl")
        for line, message in PARAPHRASE_FAULTS.items():
            (self.folder / "train.tsv").write_text(f"a-1\tWhat for?\n{line}\n", "utf-8")
            with self.subTest(line), self.assertRaises(QuestionsFault) as raised:
                read_paraphrases("train", questions, self.folder)
            self.assertIn(message, str(raised.exception))


if __name__ == "__main__":
    unittest.main()
