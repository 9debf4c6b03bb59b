"""Each fault of an input is told by file and line."""

import gzip
import tempfile
import unittest
from pathlib import Path

from rows import Row, RowsFault, read, read_test, read_train

GOOD = b'{"text": "a puck", "label": "hockey"}\n'
FAULTS = {
    "empty.jsonl": (b"", "empty.jsonl: it has no rows"),
    "blank.csv": (b"text,label\n", "blank.csv: it has no rows"),
    "rows.txt": (GOOD, "rows.txt: its name ends in none of"),
    "rows.gz": (gzip.compress(GOOD), "rows.gz: its name ends in none of"),
    "broken.jsonl": (GOOD + b"{", "broken.jsonl:2: not JSON"),
    "list.jsonl": (GOOD + b'["text"]', "list.jsonl:2: not an object"),
    "unlabelled.jsonl": (GOOD + b"\n" + b'{"text": "a"}', "unlabelled.jsonl:3: no label"),
    "number.jsonl": (b'{"text": 3, "label": "a"}', "number.jsonl:1: text is int"),
    "null.jsonl": (b'{"text": "a", "label": null}', "null.jsonl:1: label is NoneType"),
    "blank-label.jsonl": (b'{"text": "a", "label": " "}', "blank-label.jsonl:1: label is empty"),
    "half.jsonl": (b'{"text": "\\ud800", "label": "a"}', "half.jsonl:1: text has half a surrogate"),
    "latin.jsonl": (GOOD + "caf\u00e9".encode("latin-1"), "latin.jsonl:2: not UTF-8"),
    "cut.jsonl.gz": (gzip.compress(GOOD)[:-9], "cut.jsonl.gz: not a whole gzip file"),
    "plain.csv.gz": (b"text,label\n", "plain.csv.gz: not a whole gzip file"),
    "header.csv": (b"words,label\na,b\n", "header.csv:1: no column text"),
    "blank-header.csv": (b"\n\ntext,label\na,b\n", "blank-header.csv:1: the line is blank; the first line is a header"),
    "twice.csv": (b"text,text,label\na,b,c\n", "twice.csv:1: 2 columns have the name text"),
    "short.csv": (b'text,label\n"two\nlines",a\nb\n', "short.csv:4: not as many fields"),
    "long.csv": (b"text,label\na,b,c\n", "long.csv:2: not as many fields"),
    "quote.csv": (b'text,label\n"a"b,c\n', "quote.csv:2: not CSV"),
}


class Rows(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def test_every_fault_is_told_by_file_and_line(self) -> None:
        for name, (content, message) in FAULTS.items():
            with self.subTest(name), self.assertRaises(RowsFault) as raised:
                read(self.write(name, content))
            self.assertIn(message, str(raised.exception))

    def test_a_file_that_is_not_there_is_a_fault(self) -> None:
        with self.assertRaisesRegex(RowsFault, "none.csv: No such file"):
            read(self.folder / "none.csv")

    def test_formats_give_the_same_rows(self) -> None:
        jsonl = b'\xef\xbb\xbf{"text": "a\\nb, \\u0000", "label": "x", "id": 1}\r\n'
        table = b'label,text\r\nx,"a\nb, \0"\r\n'
        contents = {
            "a.jsonl": jsonl,
            "a.jsonl.gz": gzip.compress(jsonl),
            "a.CSV": table,
            "a.csv.gz": gzip.compress(table),
        }
        for name, content in contents.items():
            with self.subTest(name):
                self.assertEqual([row for _, row in read(self.write(name, content))], [Row("a\nb, \0", "x")])

    def test_one_class_cannot_be_learnt(self) -> None:
        with self.assertRaisesRegex(RowsFault, "one.jsonl: every row has the label 'hockey'"):
            read_train([self.write("one.jsonl", GOOD * 2)])

    def test_a_test_row_has_a_label_that_was_trained(self) -> None:
        path = self.write("test.jsonl", b'{"text": "a", "label": "space"}\n' + GOOD)
        with self.assertRaisesRegex(
            RowsFault, "test.jsonl:2: no training row has the label 'hockey'; they have a, space"
        ):
            read_test(path, {"space", "a"})


if __name__ == "__main__":
    unittest.main()
