"""What is told of a classifier's answers to test rows: figures for a file, and a picture of what is taken for what."""

import io

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

# A name may have a $, and two of them would be read as a formula between them.
matplotlib.rcParams["text.parse_math"] = False

AVERAGES = ("micro", "macro", "weighted")
DIGITS = 6
# Up to how many classes there is room for a number in each cell, and for a name at each row and column.
NUMBERED = 30
NAMED = 120
# Inches: a cell, what is around them at least, a character of a name, and a whole picture at most.
CELL = 0.7
MARGIN = 2.5
CHARACTER = 0.14
LARGEST = 24
# Characters of a name in the picture; the rest is an ellipsis.
LONGEST_NAME = 24


def scores(true: list[str], answered: list[str], classes: list[str]) -> dict:
    """Precision, recall and F1 over all classes and of each; a class that nothing was taken for has precision 0.

    A class that no row has and none was taken for is no part of the averages, as in scikit-learn's `f1_score`.
    """
    seen = sorted({*true, *answered})

    def score(average: str | None) -> tuple:
        labels = classes if average is None else seen
        return precision_recall_fscore_support(true, answered, labels=labels, average=average, zero_division=0)

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


def draw_confusion(confusion: dict) -> bytes:
    """The matrix as PNG: a row for each true class, a column for each answered one.

    Of many classes it is a map: the cells have no numbers, and of very many the rows and columns no names.
    """
    labels, matrix = confusion["labels"], np.array(confusion["matrix"])
    names = [shortened(label) for label in labels]
    margin = max(MARGIN, 0.5 + CHARACTER * max(map(len, names)))
    size = min(margin + CELL * len(labels), LARGEST)
    figure, axes = pyplot.subplots(figsize=(size, size), layout="constrained")
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(labels) <= NUMBERED:
        for (true, answered), count in np.ndenumerate(matrix):
            color = "white" if shares[true, answered] > 0.5 else "black"
            axes.text(answered, true, str(count), ha="center", va="center", color=color)
    if len(labels) <= NAMED:
        axes.set_xticks(range(len(labels)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(labels)), names)
    else:
        axes.set(xticks=[], yticks=[])
    axes.set(xlabel="answered", ylabel="true", title="Test rows by class")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    pyplot.close(figure)
    return picture.getvalue()


def shortened(label: str) -> str:
    """A name on one line of the picture."""
    name = " ".join(label.split())
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
