"""Reads rows of a text and its label from JSONL and CSV files, gzipped or not.

A fault is told by file and line, and never shows a text.
"""

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

COLUMNS = ("text", "label")
# The csv module's own limit, 128 KiB, is shorter than texts may be.
csv.field_size_limit(sys.maxsize)


class Row(NamedTuple):
    text: str
    label: str


class RowsFault(Exception):
    """What is wrong with an input, where, and what would be right."""


def read_train(paths: list[Path]) -> list[Row]:
    """The rows of all files, of two classes at least."""
    rows = [row for path in paths for _, row in read(path)]
    classes = {row.label for row in rows}
    if len(classes) < 2:
        files = ", ".join(map(str, paths))
        raise RowsFault(f"{files}: every row has the label {rows[0].label!r}; two classes at least are needed")
    return rows


def read_test(path: Path, classes: Iterable[str]) -> list[Row]:
    """The rows of a file whose labels are among `classes`."""
    known = set(classes)
    rows = []
    for line, row in read(path):
        if row.label not in known:
            known_labels = ", ".join(sorted(known))
            raise RowsFault(f"{path}:{line}: no training row has the label {row.label!r}; they have {known_labels}")
        rows.append(row)
    return rows


def read(path: Path) -> list[tuple[int, Row]]:
    """The rows of a file, each with the number of its first line.

    Raises RowsFault for a file that cannot be read, has no rows or has one that is none.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_zipped = suffixes[-1:] == [".gz"]
    parse = {".jsonl": of_jsonl, ".csv": of_csv}.get("".join(suffixes[:-1][-1:] if is_zipped else suffixes[-1:]))
    if parse is None:
        raise RowsFault(f"{path}: its name ends in none of .jsonl, .jsonl.gz, .csv, .csv.gz")
    rows = [(line, checked(path, line, fields)) for line, fields in parse(path, content(path, is_zipped))]
    if not rows:
        raise RowsFault(f"{path}: it has no rows; each is a text and a label")
    return rows


def content(path: Path, is_zipped: bool) -> str:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if is_zipped else data
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RowsFault(f"{path}:{line}: not UTF-8") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise RowsFault(f"{path}: not a whole gzip file") from error
    except OSError as error:
        raise RowsFault(f"{path}: {error.strerror}") from error


def of_jsonl(path: Path, lines: str) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(lines.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError) as error:
            raise RowsFault(f'{path}:{number}: not JSON; a row is {{"text": "…", "label": "…"}}') from error


def of_csv(path: Path, lines: str) -> Iterator[tuple[int, object]]:
    reader = csv.DictReader(io.StringIO(lines, newline=""), strict=True)
    number = 1
    try:
        check_header(path, reader.fieldnames)
        number = reader.line_num + 1
        for fields in reader:
            if None in fields or None in fields.values():
                raise RowsFault(
                    f"{path}:{number}: not as many fields as the header has, {len(reader.fieldnames or ())}"
                )
            yield number, fields
            number = reader.line_num + 1
    except csv.Error as error:
        raise RowsFault(f"{path}:{number}: not CSV, {error}") from error


def check_header(path: Path, names: Sequence[str] | None) -> None:
    """That a table's first line, if there is one, names each column once."""
    if names is None:
        return
    if not names:
        raise RowsFault(f"{path}:1: the line is blank; the first line is a header, text,label")
    if missing := [column for column in COLUMNS if column not in names]:
        raise RowsFault(
            f"{path}:1: no column {' and no column '.join(missing)}; the first line is a header, text,label"
        )
    for column in COLUMNS:
        if (count := names.count(column)) > 1:
            raise RowsFault(f"{path}:1: {count} columns have the name {column}; it has to be one")


def checked(path: Path, line: int, fields: object) -> Row:
    """A row of `fields`, which may have more than the two columns."""
    if not isinstance(fields, dict):
        raise RowsFault(f'{path}:{line}: not an object; a row is {{"text": "…", "label": "…"}}')
    for column in COLUMNS:
        if column not in fields:
            raise RowsFault(f"{path}:{line}: no {column}; a row has a text and a label")
        value = fields[column]
        if not isinstance(value, str):
            raise RowsFault(f"{path}:{line}: {column} is {type(value).__name__}; it has to be a string")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise RowsFault(f"{path}:{line}: {column} has half a surrogate pair, which is no character")
    row = Row(fields["text"], fields["label"])
    if not row.label.strip():
        raise RowsFault(f"{path}:{line}: label is empty; it has to name a class")
    return row
