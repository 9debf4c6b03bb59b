"""Tells how many sentences of probe.tsv, which are not in the corpus, the shipped model is right about.

    python probe.py
"""

import csv

import onnx

from exported import Classifier
from train import HERE


def read_probe() -> tuple[list[str], list[str]]:
    """The labels and the sentences."""
    with open(HERE / "probe.tsv", encoding="utf-8", newline="") as file:
        labels, texts = map(list, zip(*csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)))
    return labels, texts


def main() -> None:
    labels, texts = read_probe()
    answers, _ = Classifier(onnx.load(HERE / "text_classifier.onnx")).classify(texts)
    for label, answer, text in zip(labels, answers, texts):
        if label != answer:
            print(f"{label} taken for {answer}: {text}")
    print(f"{sum(map(str.__eq__, labels, answers))} of {len(texts)} right")


if __name__ == "__main__":
    main()
