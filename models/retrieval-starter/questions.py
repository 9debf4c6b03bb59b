"""Reads the corpus and its paraphrases, and says what is wrong with them by file and line.

corpus.jsonl             {"id", "topic", "text"}: what is searched
paraphrases/train.tsv    id of a question, tab, the same said in other words: what is trained on
paraphrases/test.tsv     held out: as people usually ask
paraphrases/oblique.tsv  held out: with few of the question's words, or none
"""

import json
from pathlib import Path
from typing import NamedTuple

from starter import HERE

FIELDS = {"id", "topic", "text"}
HELD_OUT = ("test", "oblique")


class Question(NamedTuple):
    id: str
    topic: str
    text: str


class Paraphrase(NamedTuple):
    id: str  # of the question that it means
    text: str


class QuestionsFault(Exception):
    """What is wrong with a line, where, and what would be right."""


def bare(text: str) -> str:
    """Only the letters and digits, in lower case: what makes two texts the same."""
    return "".join(character for character in text.casefold() if character.isalnum())


def read_corpus(path: Path = HERE / "corpus.jsonl") -> list[Question]:
    """The questions in the order of the file; each id and each text is there once."""
    questions: list[Question] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        try:
            row = json.loads(line)
        except ValueError as error:
            raise QuestionsFault(f"{where}: not JSON: {error}") from None
        if not isinstance(row, dict) or set(row) != FIELDS:
            raise QuestionsFault(f"{where}: an object with {', '.join(sorted(FIELDS))} is needed, and nothing else")
        for field in sorted(FIELDS):
            if not isinstance(row[field], str) or not row[field].strip():
                raise QuestionsFault(f"{where}: {field} is no text with a letter in it")
        for key in (f"id {row['id']}", bare(row["text"])):
            if key in seen:
                raise QuestionsFault(f"{where}: line {seen[key]} has the same id or text")
            seen[key] = number
        questions.append(Question(**row))
    return questions


def read_paraphrases(name: str, questions: list[Question], folder: Path = HERE / "paraphrases") -> list[Paraphrase]:
    """The rows of <name>.tsv; each is of a question that there is, and each text is there once."""
    path = folder / f"{name}.tsv"
    known = {question.id for question in questions}
    rows: list[Paraphrase] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        where = f"{path.name}:{number}"
        id_, tab, text = line.partition("\t")
        if not tab or not text.strip():
            raise QuestionsFault(f"{where}: a question's id, a tab and a text are needed")
        if id_ not in known:
            raise QuestionsFault(f"{where}: no question has the id {id_}")
        if (key := bare(text)) in seen:
            raise QuestionsFault(f"{where}: line {seen[key]} has the same text")
        seen[key] = number
        rows.append(Paraphrase(id_, text))
    return rows
