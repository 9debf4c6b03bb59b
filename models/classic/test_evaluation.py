"""The figures of answers, and the picture of whatever classes there are."""

import struct
import unittest

import numpy as np

from evaluation import LARGEST, draw_confusion, shortened

# An inch of the picture.
PIXELS = 100


def picture_of(labels: list[str]) -> bytes:
    return draw_confusion({"labels": labels, "matrix": np.identity(len(labels), int).tolist()})


def size_of(picture: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the head of a PNG."""
    return struct.unpack(">II", picture[16:24])


class Picture(unittest.TestCase):
    def test_it_grows_with_the_classes_up_to_a_size(self) -> None:
        for classes in (2, 30, 31, 120, 121, 300):
            with self.subTest(classes):
                inches = min(2.5 + 0.7 * classes, LARGEST)
                picture = picture_of([f"class number {number}" for number in range(classes)])
                self.assertEqual(size_of(picture), (int(inches * PIXELS), int(inches * PIXELS)))

    def test_names_are_drawn_as_they_are_and_never_as_formulas(self) -> None:
        picture = picture_of(["price $5 to $6", r"$\frac$", "^_$$"])
        self.assertNotEqual(picture, picture_of(["price 5to6", r"$\frac$", "^_$$"]))

    def test_a_long_name_is_cut(self) -> None:
        self.assertEqual(shortened("hockey"), "hockey")
        self.assertEqual(shortened("two\nlines"), "two lines")
        self.assertEqual(shortened("x" * 24), "x" * 24)
        self.assertEqual(shortened("x" * 25), "x" * 23 + "…")


if __name__ == "__main__":
    unittest.main()
