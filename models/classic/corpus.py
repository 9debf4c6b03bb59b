"""Owns the corpus folder: reads it into rows to train on and rows held out.

corpus/topics/<label>.txt has one text per line. A line "name = this | that" says what {name} stands for in the others; a
line that begins with # is a remark. corpus/frames.txt has texts of no topic in particular, which are filled with each
topic's words: what they teach is vocabulary, so all of them are trained on.
"""

import hashlib
import random
import re
from pathlib import Path

from rows import Row

ROOT = Path(__file__).resolve().parent / "corpus"
SEED = 7
HELD_OUT_PERCENT = 20
# How often a line with slots is filled for training; one that is held out is filled once.
FILLINGS = 4
# How many frames begin with each word of a topic.
FRAMES = 2


def read_corpus() -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows held out, without duplicates."""
    rng = random.Random(SEED)
    train, held_out = {}, {}
    frames, _ = read_lines(ROOT / "frames.txt")
    for path in sorted((ROOT / "topics").glob("*.txt")):
        lines, slots = read_lines(path)
        for line in lines:
            rows, times = (held_out, 1) if is_held_out(line) else (train, FILLINGS)
            for _ in range(times if "{" in line else 1):
                rows[Row(fill(line, slots, rng), path.stem)] = None
        for word in slots["word"] * FRAMES:
            frame = rng.choice(frames).replace("{word}", word, 1)
            train[Row(fill(frame, slots, rng), path.stem)] = None
    return list(train), list(held_out)


def read_lines(path: Path) -> tuple[list[str], dict[str, list[str]]]:
    """The texts of a file, their slots unfilled, and what the slots stand for."""
    lines, slots = [], {}
    for line in dict.fromkeys(line.strip() for line in path.read_text("utf-8").splitlines()):
        name, equals, values = line.partition(" = ")
        if equals and name.isidentifier():
            slots[name] = [value.strip() for value in values.split("|")]
        elif line and not line.startswith("#"):
            lines.append(line)
    return lines, slots


def is_held_out(line: str) -> bool:
    """By the line with its slots unfilled: no two fillings of one fall on different sides."""
    digest = hashlib.md5(line.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big") % 100 < HELD_OUT_PERCENT


def fill(line: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    return re.sub(r"\{(\w+)\}", lambda slot: rng.choice(slots[slot[1]]), line)
