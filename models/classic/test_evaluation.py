"""The figures of answers, and the picture of whatever classes there are."""

import struct
import unittest
import warnings

import numpy as np

from sklearn.metrics import f1_score

from evaluation import LARGEST, draw_confusion, scores, shortened

# An inch of the picture.
PIXELS = 100


def picture_of(labels: list[str]) -> bytes:
    return draw_confusion({"labels": labels, "matrix": np.identity(len(labels), int).tolist()})


def size_of(picture: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the head of a PNG."""
    return struct.unpack(">II", picture[16:24])


class Scores(unittest.TestCase):
    def test_a_class_without_rows_counts_where_a_row_was_taken_for_it(self) -> None:
        classes = ["hockey", "politics", "space"]
        true = ["hockey", "space", "space"]
        for answered in (["hockey", "space", "space"], ["hockey", "space", "politics"]):
            with self.subTest(answered):
                report = scores(true, answered, classes)
                expected = f1_score(true, answered, average="macro", zero_division=0)
                self.assertAlmostEqual(report["macro"]["f1"], expected, places=6)
                self.assertEqual(report["classes"]["politics"]["support"], 0)
                self.assertEqual(list(report["classes"]), classes)
        self.assertEqual(scores(true, true, classes)["macro"], {"precision": 1, "recall": 1, "f1": 1})


class Picture(unittest.TestCase):
    def test_it_grows_with_the_classes_up_to_a_size(self) -> None:
        for classes in (2, 30, 31, 120, 121, 300):
            with self.subTest(classes):
                inches = min(2.5 + 0.7 * classes, LARGEST)
                picture = picture_of([f"class {number}" for number in range(classes)])
                self.assertEqual(size_of(picture), (int(inches * PIXELS), int(inches * PIXELS)))

    def test_names_are_drawn_as_they_are_and_never_as_formulas(self) -> None:
        picture = picture_of(["price $5 to $6", r"$\frac$", "^_$$"])
        self.assertNotEqual(picture, picture_of(["price 5to6", r"$\frac$", "^_$$"]))

    def test_a_long_name_is_cut(self) -> None:
        self.assertEqual(shortened("hockey"), "hockey")
        self.assertEqual(shortened("two\nlines"), "two lines")
        self.assertEqual(shortened("x" * 24), "x" * 24)
        self.assertEqual(shortened("x" * 25), "x" * 23 + "…")

    def test_long_names_leave_room_for_the_cells(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            names = ["a very long name of a class that has no end", "W" * 30]
            draw_confusion({"labels": names, "matrix": [[5, 1], [0, 12345]]})


if __name__ == "__main__":
    unittest.main()
