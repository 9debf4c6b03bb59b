"""`make parity`, first half: makes the checkpoints below and asks transformers for the answers.

    python matrix.py <work folder> [--texts 500] [--only NAME,…]

Writes <work>/<name>/ for every checkpoint, <work>/texts.jsonl, <work>/expected/<name>.jsonl (a line for
each text: `scores` or `vector`) and <work>/profile.yaml, which lists them and the starter models. What
is there and was made from the same sources is kept.
"""

import argparse
import hashlib
import json
import os
from pathlib import Path

import tokenizer_files as files
from checkpoints import Checkpoint, write
from export import export
from oracle import Oracle
from tiny_tokenizers import LINES

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[1] / "models"
# A third of the texts is hostile or made by a machine: that is where implementations differ.
SHARES = {"bench_mix": 0.5, "edge_blns": 0.25, "k6_payloads": 0.25}
# Sent as well: the shared texts hold no special tokens written out, and few combining marks.
EXTRA = [
    "<s> </s> <pad> <unk> <mask> [CLS] [SEP] [PAD] [UNK] [MASK]",
    "a<mask>b a <mask> b <MASK> [mask]x[SEP]y",
    "cafe\u0301 caf\u00e9 n\u0303 \u2581under\u2581score \u00a0\u200b\ufeff",
    "\u0000\u0001 \r\n\t ",
]

XLMR, ROBERTA, BERT, DISTIL = "xlm-roberta", "roberta", "bert", "distilbert"
LANGUAGES = tuple(f"language_{index}" for index in range(45))

CHECKPOINTS = [
    # Tokenizer files of every kind under every architecture.
    Checkpoint("xlmr-json", XLMR, files.with_max_length(files.XLMR_JSON, 512)),
    Checkpoint("xlmr-sentencepiece", XLMR, files.XLMR_SENTENCEPIECE, labels=LANGUAGES),
    Checkpoint("roberta-json", ROBERTA, files.ROBERTA_JSON, dtype="float16"),
    Checkpoint("roberta-bpe", ROBERTA, files.ROBERTA_BPE, labels=()),
    Checkpoint("bert-json", BERT, files.BERT_JSON),
    Checkpoint("bert-vocab", BERT, files.BERT_VOCAB, hidden=128, layers=3, std=0.1),
    Checkpoint("distilbert-json", DISTIL, files.BERT_JSON),
    Checkpoint("distilbert-vocab", DISTIL, files.BERT_VOCAB, labels=("NEGATIVE", "POSITIVE")),
    # Weights: types, shards, names.
    Checkpoint("xlmr-bf16", XLMR, files.XLMR_JSON, dtype="bfloat16"),
    Checkpoint("bert-fp16", BERT, files.BERT_VOCAB, dtype="float16"),
    Checkpoint("xlmr-sharded", XLMR, files.XLMR_JSON, shards=3),
    Checkpoint("distilbert-sharded-bf16", DISTIL, files.BERT_VOCAB, shards=2, dtype="bfloat16"),
    Checkpoint("bert-gamma-beta", BERT, files.BERT_VOCAB, names="gamma-beta"),
    Checkpoint("roberta-buffers", ROBERTA, files.ROBERTA_BPE, names="buffers"),
    # Fields of config.json.
    Checkpoint("bert-gelu-new", BERT, files.BERT_VOCAB, config={"hidden_act": "gelu_new"}),
    Checkpoint("roberta-relu", ROBERTA, files.ROBERTA_BPE, config={"hidden_act": "relu"}),
    Checkpoint("distilbert-relu", DISTIL, files.BERT_VOCAB, config={"activation": "relu"}),
    Checkpoint("bert-odd-epsilon", BERT, files.BERT_VOCAB, config={"layer_norm_eps": 3e-3}),
    Checkpoint("roberta-two-types", ROBERTA, files.ROBERTA_BPE, config={"type_vocab_size": 2}),
    Checkpoint("bert-short", BERT, files.with_max_length(files.BERT_VOCAB, 1e30), positions=128),
    Checkpoint("distilbert-stated-length", DISTIL, files.with_max_length(files.BERT_JSON, 96)),
    # Heads.
    Checkpoint("bert-multi-label", BERT, files.BERT_VOCAB, config={"problem_type": "multi_label_classification"}),
    Checkpoint("roberta-multi-label", ROBERTA, files.ROBERTA_BPE, config={"problem_type": "multi_label_classification"}),
    Checkpoint("roberta-one-label", ROBERTA, files.ROBERTA_BPE, labels=("toxic",)),
    Checkpoint("distilbert-regression", DISTIL, files.BERT_VOCAB, labels=("value",), config={"problem_type": "regression"}),
    # Bare encoders.
    Checkpoint("xlmr-mean", XLMR, files.XLMR_JSON, pooling="mean"),
    Checkpoint("xlmr-cls", XLMR, files.XLMR_SENTENCEPIECE, pooling="cls", dtype="float16"),
    Checkpoint("roberta-mean", ROBERTA, files.ROBERTA_BPE, pooling="mean", names="masked-lm"),
    Checkpoint("roberta-cls", ROBERTA, files.ROBERTA_JSON, pooling="cls"),
    Checkpoint("bert-mean", BERT, files.BERT_VOCAB, pooling="mean"),
    Checkpoint("bert-cls", BERT, files.BERT_JSON, pooling="cls", names="masked-lm"),
    Checkpoint("distilbert-mean", DISTIL, files.BERT_VOCAB, pooling="mean"),
    Checkpoint("distilbert-cls", DISTIL, files.BERT_VOCAB, pooling="cls", names="masked-lm"),
    # A graph of someone else's.
    Checkpoint("bert-onnx", BERT, files.BERT_JSON),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--only", type=lambda names: names.split(","), default=None)
    options = parser.parse_args()
    work: Path = options.work
    (work / "expected").mkdir(parents=True, exist_ok=True)
    texts = choose(options.texts)
    write_jsonl(work / "texts.jsonl", texts)
    wanted = [entry for entry in CHECKPOINTS if not options.only or entry.name in options.only]
    sources = fingerprint(texts)
    served = [prepare(checkpoint, work, texts, sources) for checkpoint in wanted]
    for folder in sorted(MODELS.glob("*starter/*/model.safetensors")):
        name = f"starter-{folder.parent.name}"
        if not options.only or name in options.only:
            expect(work, name, folder.parent, "", texts, hashlib.sha256(folder.read_bytes()).hexdigest() + sources)
            served.append({"name": name, "path": os.path.relpath(folder.parent, work), "pooling": ""})
    # JSON is YAML. Paths are relative to the file, as in every profile.
    (work / "profile.yaml").write_text(json.dumps({"name": "parity", "models": served}, indent=2) + "\n")


def prepare(checkpoint: Checkpoint, work: Path, texts: list, sources: str) -> dict:
    folder = work / checkpoint.name
    stamp = hashlib.sha256(f"{described(checkpoint)}{sources}".encode()).hexdigest()
    exported = checkpoint.name.endswith("-onnx")
    complete = not exported or (folder / "model.onnx").exists()
    if not (complete and up_to_date(work, checkpoint.name, stamp)):
        write(checkpoint, folder)
        expect(work, checkpoint.name, folder, checkpoint.pooling, texts, stamp)
        if exported:
            export(folder)
    return {"name": checkpoint.name, "path": checkpoint.name, "pooling": checkpoint.pooling}


def expect(work: Path, name: str, folder: Path, pooling: str, texts: list, stamp: str) -> None:
    if up_to_date(work, name, stamp):
        return
    oracle = Oracle(folder, pooling)
    write_jsonl(work / "expected" / f"{name}.jsonl", [oracle.answer(text) for text in texts])
    (work / "expected" / f"{name}.stamp").write_text(stamp)
    print(f"{name}: {len(texts)} answers of transformers", flush=True)


def up_to_date(work: Path, name: str, stamp: str) -> bool:
    file = work / "expected" / f"{name}.stamp"
    return file.exists() and file.read_text() == stamp


def described(checkpoint: Checkpoint) -> dict:
    return {key: value for key, value in vars(checkpoint).items() if key != "tokenizer"}


def fingerprint(texts: list) -> str:
    """Changes with the texts and with every source beside this file."""
    sources = "".join(path.read_text() for path in sorted(HERE.glob("*.py")))
    return hashlib.sha256((sources + json.dumps(texts)).encode()).hexdigest()


def choose(count: int) -> list[str]:
    """Texts spread evenly over the shared files, or the lines of the tiny tokenizers without them; EXTRA."""
    count -= len(EXTRA)
    chosen = []
    for name, share in SHARES.items():
        path = files.DATA / "texts" / f"{name}.jsonl"
        if path.exists():
            # Not splitlines(): it also splits at control characters, which the texts hold.
            rows = [json.loads(line) for line in path.read_text().split("\n") if line]
            wanted = round(count * share)
            chosen += [rows[index * len(rows) // wanted] for index in range(wanted)]
    texts = [row if isinstance(row, str) else row["text"] for row in chosen]
    return (texts or ["", " ", *LINES, " ".join(LINES), "word " * 700]) + EXTRA


def write_jsonl(path: Path, rows: list) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


if __name__ == "__main__":
    main()
