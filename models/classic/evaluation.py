"""What is told of a classifier's answers to test rows: figures for a file, and a picture of what is taken for what."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

AVERAGES = ("micro", "macro", "weighted")
DIGITS = 6


def scores(true: list[str], answered: list[str], classes: list[str]) -> dict:
    """Precision, recall and F1 over all classes and of each; a class that nothing was taken for has precision 0."""

    def score(average: str | None) -> tuple:
        return precision_recall_fscore_support(true, answered, labels=classes, average=average, zero_division=0)

    def named(precision: float, recall: float, f1: float) -> dict[str, float]:
        numbers = {"precision": precision, "recall": recall, "f1": f1}
        return {name: round(float(number), DIGITS) for name, number in numbers.items()}

    each = zip(classes, *score(None))
    return {
        **{average: named(*score(average)[:3]) for average in AVERAGES},
        "classes": {name: {**named(*numbers), "support": int(support)} for name, *numbers, support in each},
        "confusion": {
            "labels": classes,
            "matrix": confusion_matrix(true, answered, labels=classes).tolist(),
        },
    }


def draw_confusion(confusion: dict, path: Path) -> None:
    """Draws the matrix: a row for each true class, a column for each answered one."""
    labels, matrix = confusion["labels"], confusion["matrix"]
    size = 2.5 + 0.7 * len(labels)
    figure, axes = pyplot.subplots(figsize=(size, size), layout="constrained")
    shares = [[count / max(1, sum(row)) for count in row] for row in matrix]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, row in enumerate(matrix):
        for answered, count in enumerate(row):
            color = "white" if shares[true][answered] > 0.5 else "black"
            axes.text(answered, true, str(count), ha="center", va="center", color=color)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="answered", ylabel="true", title="Test rows by class")
    figure.savefig(path, format="png", dpi=100)
    pyplot.close(figure)
