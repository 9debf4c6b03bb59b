"""Measures the models: held-out sentences, probe.tsv, smoke.tsv and, where there are any, real texts.

    python evaluate.py [--data FOLDER]

The folder's texts/bench_mix.jsonl has rows {"text", "lang", "source"[, "label"]}; nothing in it is
trained on.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import pipeline

from corpus import read_languages, read_task
from specification import LABEL_OF_CODE, LANGUAGES, MODELS, Model

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data"
# Collections with a label, and the label of each of our ids in them.
LABELLED = {
    "cardiffnlp": ("xlm-t", ("0", "negative"), ("1", "neutral"), ("2", "positive")),
    "svalabs": ("UCI SMS", ("0", "ham"), ("1", "spam")),
    "EIStakovskii": ("t-davidson", ("2", "neither"), ("0", "1", "hate", "offensive")),
}


class Classifier:
    """A folder as transformers' pipeline reads it, with an answer for each text."""

    def __init__(self, model: Model):
        self.model = model
        self.run = pipeline("text-classification", model=str(model.folder), dtype=torch.float32, device="cpu")
        self.names = list(model.labels)

    def label(self, texts: list[str]) -> list[str]:
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        answers = [""] * len(texts)
        results = self.run([texts[index] for index in order], batch_size=64, truncation=True, max_length=512)
        for index, result in zip(order, results):
            answers[index] = result["label"]
        return answers


def share(pairs: Iterable[tuple[object, object]]) -> str:
    pairs = list(pairs)
    right = sum(expected == got for expected, got in pairs)
    return f"{100 * right / len(pairs):5.1f} % of {len(pairs)}" if pairs else "no texts"


def held_out(model: Model) -> list[tuple[str, str]]:
    """Texts and their labels; rows with slots once, filled at random."""
    if model.task == "lang":
        return [(text, label) for label, language in read_languages().items() for text in language.sentences.held_out]
    rng = random.Random(1)
    labels = ("NEGATIVE", None, "POSITIVE") if model.task == "polarity" else model.labels
    return [
        (file.expand(text, rng), label)
        for file in read_task(model.task)
        for split, label in zip(file.rows, labels)
        if label
        for text in split.held_out
    ]


def report_held_out(classifier: Classifier) -> None:
    texts, labels = zip(*held_out(classifier.model))
    print(f"{classifier.model.name:12} held out   {share(zip(labels, classifier.label(list(texts))))}")


def table(file: str) -> list[dict[str, str]]:
    path = HERE / file
    if not path.exists():
        return []
    header, *lines = [line for line in path.read_text("utf-8").split("\n") if line and not line.startswith("#")]
    return [dict(zip(header.split("\t"), line.split("\t"))) for line in lines]


def report_table(classifier: Classifier, file: str, aliases: dict[str, str]) -> None:
    """One text per line and what each model ought to say; an empty cell asks nothing."""
    name = classifier.model.name
    rows = [row for row in table(file) if row.get(name)]
    if not rows:
        return
    expected = [aliases.get(row[name], row[name]) for row in rows]
    got = classifier.label([row["text"] for row in rows])
    print(f"{name:12} {file:10} {share(zip(expected, got))}")
    for row, want, have in zip(rows, expected, got):
        if want != have:
            print(f"    {have} instead of {want}: {row['text'][:90]}")


def real_texts(data: Path) -> list[dict]:
    path = data / "texts" / "bench_mix.jsonl"
    return [json.loads(line) for line in path.open(encoding="utf-8")] if path.exists() else []


def language_of(code: str) -> str | None:
    return LABEL_OF_CODE.get(code) or LABEL_OF_CODE.get(code.partition("-")[0])


def report_languages(classifier: Classifier, rows: list[dict], verbose: bool) -> None:
    """Over the languages of the model only. Written Mandarin of either country counts as right."""
    rows = [row | {"expected": language_of(row["lang"])} for row in rows if language_of(row["lang"])]
    if not rows:
        return
    by_source, by_language = defaultdict(list), defaultdict(list)
    for row, got in zip(rows, classifier.label([row["text"] for row in rows])):
        expected = row["expected"]
        if row["lang"] == "cmn" and got == "Chinese_Taiwan":
            got = expected
        by_source[row["source"].split("/")[0]].append((expected, got))
        by_language[expected].append((expected, got))
    everything = [pair for pairs in by_source.values() for pair in pairs]
    print(f"{classifier.model.name:12} real texts {share(everything)}")
    each = [sum(a == b for a, b in pairs) / len(pairs) for pairs in by_language.values()]
    print(f"    mean over {len(each)} languages {100 * sum(each) / len(each):.1f} %")
    for source, pairs in sorted(by_source.items()):
        print(f"    {source:26} {share(pairs)}")
    if verbose:
        for label in LANGUAGES:
            wrong = [got for want, got in by_language[label] if want != got]
            top = sorted(set(wrong), key=wrong.count, reverse=True)[:4]
            print(f"    {label:20} {share(by_language[label]):18}", *(f"{name} {wrong.count(name)}" for name in top))


def report_labelled(classifier: Classifier, rows: list[dict]) -> None:
    if classifier.model.name not in LABELLED:
        return
    source, *names = LABELLED[classifier.model.name]
    ids = {name: number for number, values in enumerate(names) for name in values}
    rows = [row for row in rows if row["source"].startswith(source) and str(row.get("label")).lower() in ids]
    if rows:
        expected = [classifier.names[ids[str(row["label"]).lower()]] for row in rows]
        print(f"{classifier.model.name:12} {source:10} {share(zip(expected, classifier.label([row['text'] for row in rows])))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with texts/bench_mix.jsonl")
    parser.add_argument("--verbose", action="store_true", help="every language")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(MODELS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    torch.set_num_threads(2)
    rows = real_texts(arguments.data)
    for name in arguments.names or MODELS:
        classifier = Classifier(MODELS[name])
        report_held_out(classifier)
        # The profile of these models renames the labels of sentiment, and a language that its checkpoint spells otherwise.
        aliases = {label.upper(): label for label in MODELS[name].labels if label.islower()}
        if "Mangolian" in MODELS[name].labels:
            aliases["Mongolian"] = "Mangolian"
        for file in ("probe.tsv", "smoke.tsv"):
            report_table(classifier, file, aliases)
        if MODELS[name].task == "lang":
            report_languages(classifier, rows, arguments.verbose)
        report_labelled(classifier, rows)


if __name__ == "__main__":
    main()
