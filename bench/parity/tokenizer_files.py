"""The real tokenizers of ../shared/data, or the tiny ones where that folder is absent.

Each name is a function that writes one kind of tokenizer files into a folder and returns the size of
the vocabulary, as `Checkpoint.tokenizer` wants it.
"""

import json
import shutil
from pathlib import Path

import tiny_tokenizers as tiny

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def real(vocabulary: int, files: dict, otherwise):
    """Copies `files` (name in the checkpoint: path below tok/), where all are there."""

    def write(folder: Path) -> int:
        sources = {name: DATA / "tok" / path for name, path in files.items()}
        if not all(source.exists() for source in sources.values()):
            return otherwise(folder)
        for name, source in sources.items():
            shutil.copyfile(source, folder / name)
        return vocabulary

    return write


def with_max_length(write, tokens: float):
    """The same, with a tokenizer_config.json that states a maximum length."""

    def write_both(folder: Path) -> int:
        (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": tokens}) + "\n")
        return write(folder)

    return write_both


def with_mask(write):
    """The same, with the statement about `<mask>` that published checkpoints make."""

    def write_both(folder: Path) -> int:
        tiny.state_mask(folder)
        return write(folder)

    return write_both


def tiny_sentencepiece(folder: Path) -> int:
    return tiny.write_sentencepiece(folder, 270)


def tiny_bpe(folder: Path) -> int:
    return tiny.write_vocab_and_merges(folder, 480)


XLMR_JSON = real(250002, {"tokenizer.json": "xlmr/tokenizer.json"}, tiny_sentencepiece)
XLMR_SENTENCEPIECE = real(250002, {"sentencepiece.bpe.model": "xlmr/sentencepiece.rebuilt.model"}, tiny_sentencepiece)
ROBERTA_JSON = real(50265, {"tokenizer.json": "roberta/tokenizer.json"}, tiny_bpe)
ROBERTA_BPE = with_mask(real(50265, {"vocab.json": "roberta/vocab.json", "merges.txt": "roberta/merges.txt"}, tiny_bpe))
BERT_JSON = real(30522, {"tokenizer.json": "bert-uncased/tokenizer.json"}, tiny.write_tokenizer_json)
BERT_VOCAB = real(30522, {"vocab.txt": "bert-uncased/vocab.txt"}, tiny.write_vocab_txt)
