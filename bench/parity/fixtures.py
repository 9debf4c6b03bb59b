"""Writes `native/fixtures`: tiny checkpoints with expected answers, for tests that run without Python.

Run by hand (`python bench/parity/fixtures.py`) when the list below changes, and commit the result. It
must stay under 300 KB for each checkpoint. The format is in its README.md.
"""

import json
from pathlib import Path

import onnx
import torch
from safetensors.torch import load_file

import tiny_tokenizers as tiny
from checkpoints import Checkpoint, write
from export import export
from oracle import Oracle

FOLDER = Path(__file__).parents[2] / "native" / "fixtures"
SMALL = {"hidden": 32, "positions": 64}

CHECKPOINTS = [
    Checkpoint("bert", "bert", tiny.write_vocab_txt, labels=("HAM", "SPAM"), **SMALL),
    Checkpoint("distilbert", "distilbert", tiny.write_tokenizer_json, **SMALL),
    Checkpoint("roberta", "roberta", lambda folder: tiny.write_vocab_and_merges(folder, 480), labels=(), dtype="bfloat16", **SMALL),
    Checkpoint("xlm-roberta", "xlm-roberta", lambda folder: tiny.write_sentencepiece(folder, 270), names="buffers", **SMALL),
    Checkpoint("bert-mean", "bert", tiny.write_vocab_txt, pooling="mean", **SMALL),
    Checkpoint("onnx", "bert", tiny.write_tokenizer_json, **SMALL),
]

# Those whose originals on the hub have no safetensors.
PICKLED = ("roberta", "xlm-roberta")

TEXTS = [
    "The weather is lovely today and the children play in the garden.",
    "I have never been so disappointed with a service in my life!",
    "This is how true happiness looks like 👍😜",
    "Ich bin noch nie so enttäuscht von einem Dienst gewesen!",
    "Le temps est magnifique aujourd'hui 🌞",
    "Погода сегодня прекрасная, и дети играют в саду.",
    "الطقس جميل اليوم والأطفال يلعبون",
    "आज मौसम बहुत अच्छा है",
    "今天天气很好，孩子们在花园里玩。",
    "오늘 날씨가 정말 좋아서",
    "Sil istanbul İSTANBUL straße STRASSE ﬁne ＡＢ！",
    "",
    " ",
    " \t\r\n ",
    "\u0000",
    "\u0001\u0002\u0007\u000b\u001b\u007f",
    "a\u0000b\u0001c\u200bd\ufeffe\u00a0f",
    "  two  blanks   and a tail  ",
    "cafe\u0301 caf\u00e9 n\u0303",
    "<s> </s> <pad> <unk> <mask> [CLS] [SEP] [PAD] [UNK] [MASK]",
    "\u2581under\u2581score ▁ _",
    "👨‍👩‍👧‍👦 🇩🇪 ✌🏽",
    "x",
    "a" * 300,
    "naïve " * 100,
    "Send 0.5 BTC to this address and receive 2 BTC back, guaranteed. " * 8,
    "今天天气很好" * 40,
]


def main() -> None:
    for checkpoint in CHECKPOINTS:
        folder = write(checkpoint, FOLDER / checkpoint.name)
        oracle = Oracle(folder, checkpoint.pooling)
        cases = [{"text": text, "ids": oracle.ids(text)} | oracle.answer(text) for text in TEXTS]
        write_expected(folder / "expected.json", checkpoint.pooling, cases)
        if checkpoint.name == "onnx":
            export(folder)
            move_numbers_out(folder / "model.onnx", FOLDER / "onnx-external")
        if checkpoint.name in PICKLED:
            pickle(folder, legacy=checkpoint.name == "roberta")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{checkpoint.name}: {size // 1024} KB, {len(cases)} cases")


def pickle(folder: Path, legacy: bool) -> None:
    """Writes the weights a second time, as torch.save does now and as it did before PyTorch 1.6."""
    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy)


def move_numbers_out(graph: Path, folder: Path) -> None:
    """Writes `graph` anew, with its larger tensors in a file whose name does not begin with the graph's."""
    folder.mkdir(exist_ok=True)
    (folder / "numbers.pb").unlink(missing_ok=True)
    onnx.save(
        onnx.load(graph), folder / "model.onnx", save_as_external_data=True, location="numbers.pb", size_threshold=256
    )


def write_expected(path: Path, pooling: str, cases: list) -> None:
    """One line for each case, so that a change is readable as a difference."""
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    path.write_text(f'{{"pooling":{json.dumps(pooling)},"cases":[\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
