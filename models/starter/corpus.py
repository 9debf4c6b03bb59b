"""Owns the corpus folder: reads it and splits each file into sentences to train on and held out.

lang/<Label>.txt       one sentence per line; after a line "#words", frequent words
<task>/<code>.tsv      label, tab, text
<task>/<code>.txt      the same, with slots: a line "name = this | that" says what {name} stands for
lexicon/<code>.txt     words and frames of sentiment, as <task>/<code>.txt; all of them to train on

Polarity has the English rows of sentiment and its own, whose slots may be the lexicon's.
"""

import hashlib
import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from specification import LABEL_OF_CODE, LANGUAGES

ROOT = Path(__file__).parent / "corpus"
HELD_OUT_PERCENT = 15
UNSPACED = {"Chinese_China", "Chinese_Hongkong", "Chinese_Taiwan", "Japanese"}
# How the files may write a label, by its id.
SPELLINGS = {
    "sentiment": (("0", "negative"), ("1", "neutral"), ("2", "positive")),
    "spam": (("0", "ham"), ("1", "spam")),
    "toxicity": (("0", "label_0", "clean", "neutral", "ok"), ("1", "label_1", "toxic")),
    "news": (("0", "label_0", "fake"), ("1", "label_1", "real")),
}
# Its neutral rows are company for others, never an example.
SPELLINGS["polarity"] = SPELLINGS["sentiment"]


@dataclass
class Split:
    train: list[str] = field(default_factory=list)
    held_out: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        (self.held_out if is_held_out(text) else self.train).append(text)


def is_held_out(text: str) -> bool:
    """By the text itself: a duplicate, in whatever file, falls on the same side."""
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big") % 100 < HELD_OUT_PERCENT


@dataclass
class Language:
    sentences: Split
    words: list[str]


def read_languages() -> dict[str, Language]:
    """Every language that has a file with sentences."""
    languages = {}
    for label in LANGUAGES:
        path = ROOT / "lang" / f"{label}.txt"
        if not path.exists():
            continue
        before, _, after = path.read_text("utf-8").partition("#words\n")
        split = Split()
        for line in dict.fromkeys(line.strip() for line in before.splitlines()):
            if line and not line.startswith("# "):
                split.add(line)
        if split.train:
            words = [word for word in after.split() if not word.startswith("#")]
            languages[label] = Language(split, words)
    return languages


@dataclass
class Labelled:
    """Rows of one task in one language, by label id, and what their slots stand for."""

    language: str | None
    rows: list[Split]
    slots: dict[str, list[str]] = field(default_factory=dict)

    def expand(self, text: str, rng: random.Random) -> str:
        for _ in range(3):  # values may have slots of their own
            text = re.sub(r"\{(\w+)\}", lambda slot: rng.choice(self.slots[slot[1]]) if slot[1] in self.slots else slot[0], text)
        return text

    def train(self, rng: random.Random, times: int = 3) -> list[str]:
        """Every row once, those with slots several times."""
        rows = [text for split in self.rows for text in split.train]
        return [self.expand(text, rng) for text in rows for _ in range(times if "{" in text else 1)]


def read_task(task: str) -> list[Labelled]:
    paths = sorted(path for path in (ROOT / task).glob("*") if path.suffix in (".tsv", ".txt"))
    files = [read_labelled(path, task) for path in paths]
    if task == "polarity":
        words = read_labelled(ROOT / "lexicon" / "en.txt", "sentiment").slots
        for file in files:
            file.slots = words | file.slots
        files += [file for file in read_task("sentiment") if file.language == "English"]
    return files


def read_labelled(path: Path, task: str) -> Labelled:
    ids = {name: number for number, names in enumerate(SPELLINGS[task]) for name in names}
    labelled = Labelled(LABEL_OF_CODE.get(path.stem), [Split() for _ in SPELLINGS[task]])
    lines = dict.fromkeys(line.strip() for line in path.read_text("utf-8").splitlines())
    for line in lines:
        label, tab, text = line.partition("\t")
        name, equals, values = line.partition(" = ")
        if tab and label.strip().lower() in ids:
            labelled.rows[ids[label.strip().lower()]].add(text.strip())
        elif equals and name.isidentifier():
            labelled.slots[name] = [value.strip() for value in values.split("|")]
        elif line and not line.startswith("#") and label.lower() != "label":
            raise ValueError(f"{task}/{path.name}: neither a row nor a slot: {line!r}")
    return labelled


def bare(text: str) -> str:
    """Only the letters: what makes two texts the same."""
    return "".join(character for character in text.casefold() if character.isalnum())


def read_lexicon(code: str = "*") -> list[Labelled]:
    """Nothing of it is held out, so nothing that the sentiment rows hold out may stand in it."""
    withheld = {bare(text) for file in read_task("sentiment") for split in file.rows for text in split.held_out}
    files = []
    for path in sorted((ROOT / "lexicon").glob(f"{code}.txt")):
        file = read_labelled(path, "sentiment")
        for split in file.rows:
            rows = split.train + split.held_out
            split.train, split.held_out = [text for text in rows if bare(text) not in withheld], []
        for name, values in file.slots.items():
            file.slots[name] = [value for value in values if not value or bare(value) not in withheld]
        files.append(file)
    return files


def counts() -> dict[str, tuple[int, int]]:
    """Sentences to train on and held out, by task."""
    splits = {"lang": [language.sentences for language in read_languages().values()]}
    for task in SPELLINGS:
        splits[task] = [split for file in read_task(task) for split in file.rows]
    return {task: (sum(len(s.train) for s in all), sum(len(s.held_out) for s in all)) for task, all in splits.items()}
