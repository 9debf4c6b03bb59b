"""Owns the tokenizer: WordPiece over a part of the teacher's own vocabulary, BERT's uncased one.

A smaller vocabulary cuts rare words into more pieces; whole words keep the teacher's meaning from the first step on.
"""

import string
from collections.abc import Iterable
from pathlib import Path

from tokenizers import BertWordPieceTokenizer, Tokenizer

import starter  # noqa: F401  for the modules below
from tokenization import BERT_SPECIAL, write_json

LETTERS = set(string.ascii_lowercase + string.digits)


def choose_pieces(teacher: Tokenizer, texts: Iterable[str], size: int) -> list[str]:
    """At most `size` pieces, in the teacher's order, which is roughly that of their frequency.

    Every special piece, every ASCII character at the beginning of a word and within one, every piece that the texts
    have, and then the teacher's pieces of ASCII letters from its first on.
    """
    vocabulary = teacher.get_vocab()
    order = sorted(vocabulary, key=vocabulary.__getitem__)
    needed = {piece for character in LETTERS for piece in (character, "##" + character)}
    needed |= {character for character in string.punctuation if character in vocabulary}
    for encoding in teacher.encode_batch(list(texts), add_special_tokens=False):
        needed.update(encoding.tokens)
    needed -= set(BERT_SPECIAL)
    if missing := needed - set(vocabulary):
        raise ValueError(f"the teacher's vocabulary lacks {sorted(missing)[:5]}")
    room = size - len(BERT_SPECIAL) - len(needed)
    if room < 0:
        raise ValueError(f"{size} pieces are too few: the texts have {len(needed)} already")
    for piece in order:
        if room == 0:
            break
        letters = piece.removeprefix("##")
        if piece not in needed and len(letters) > 1 and set(letters) <= set(string.ascii_lowercase):
            needed.add(piece)
            room -= 1
    return [*BERT_SPECIAL, *(piece for piece in order if piece in needed)]


def write_tokenizer(pieces: list[str], longest: int, folder: Path) -> None:
    """Writes vocab.txt, tokenizer.json, tokenizer_config.json and special_tokens_map.json."""
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    special = dict(zip(names, BERT_SPECIAL, strict=True))
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece in pieces), "utf-8")
    BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True).save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "special_tokens_map.json", special)
    settings = {
        "do_lower_case": True, "model_max_length": longest, "strip_accents": None, "tokenize_chinese_chars": True,
        "tokenizer_class": "BertTokenizer",
    }  # fmt: skip
    write_json(folder / "tokenizer_config.json", special | settings)


def words_of(pieces: Iterable[str]) -> list[str]:
    """The pieces that are words by themselves, of three letters or more."""
    return [piece for piece in pieces if len(piece) > 2 and piece.isascii() and piece.isalpha()]
