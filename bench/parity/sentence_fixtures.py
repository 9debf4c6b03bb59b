"""Writes `native/fixtures/sentences`: tiny folders of sentence-transformers with the vectors that it gives.

Run by hand (`python bench/parity/sentence_fixtures.py`) with the versions in requirements.txt and
sentences_requirements.txt, and commit the result. One folder is as version 2 wrote it, file by file; the other one is
saved by the library itself. The format of `expected.json` is in the README.md of `native/fixtures`.
"""

import json
import shutil
import tempfile
from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

import tiny_tokenizers as tiny
from checkpoints import Checkpoint, write

FOLDER = Path(__file__).parents[2] / "native" / "fixtures" / "sentences"
SMALL = {"hidden": 32, "layers": 1, "positions": 64}
OLDER = Checkpoint("older", "bert", tiny.write_vocab_txt, pooling="mean", **SMALL)
NEWER = Checkpoint("newer", "roberta", lambda folder: tiny.write_vocab_and_merges(folder, 480), pooling="cls", **SMALL)
PROMPTS = {"query": "query: ", "passage": "passage: ", "plain": ""}

TEXTS = [
    *tiny.LINES[:12],
    "",
    " ",
    " blanks at both ends \n",
    "x",
    "a" * 300,
    "naïve " * 100,
    " ".join(tiny.LINES),
]


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    for make in (write_older, write_newer):
        folder = make()
        expect(folder)
        for file in folder.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(f"{folder.name}: {size // 1024} KB")


def write_older() -> Path:
    """As all-MiniLM-L6-v2 and its kin are published: a mean of length 1, and a limit below that of the positions."""
    folder = write(OLDER, FOLDER / "older")
    kinds = ("Transformer", "Pooling", "Normalize")
    modules = [
        {"idx": index, "name": str(index), "path": f"{index}_{kind}" if index else "", "type": f"sentence_transformers.models.{kind}"}
        for index, kind in enumerate(kinds)
    ]
    modes = {f"pooling_mode_{name}": name == "mean_tokens" for name in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")}
    files = {
        "modules.json": modules,
        "1_Pooling/config.json": {"word_embedding_dimension": SMALL["hidden"]} | modes,
        "sentence_bert_config.json": {"max_seq_length": 16, "do_lower_case": False},
        "config_sentence_transformers.json": {"__version__": {"sentence_transformers": "2.0.0", "transformers": "4.6.1"}},
    }
    for name, value in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    return folder


def write_newer() -> Path:
    """As the library saves it now: with prompts, one of which is everybody's, and compared by their products."""
    with tempfile.TemporaryDirectory() as plain:
        transformer = Transformer(str(write(NEWER, Path(plain))), processor_kwargs={"model_max_length": 48})
        modules = [transformer, Pooling(SMALL["hidden"], "cls"), Normalize()]
        model = SentenceTransformer(
            modules=modules, prompts=PROMPTS, default_prompt_name="passage", similarity_fn_name="dot", device="cpu"
        )
        model.save(str(FOLDER / "newer"), create_model_card=False)
    return FOLDER / "newer"


def expect(folder: Path) -> None:
    """Writes `expected.json`, a line for each case."""
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    names = [None, *(name for name, prompt in model.prompts.items() if prompt)]
    cases = [case(model, text, name) for name in names for text in TEXTS]
    stated = {
        "max_tokens": model.max_seq_length,
        "dimensions": model.get_embedding_dimension(),
        "normalized": any(isinstance(module, Normalize) for module in model),
        "similarity": model.similarity_fn_name,
        "default_prompt": model.prompts.get(model.default_prompt_name),
    }
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps(stated)[1:-1]
    (folder / "expected.json").write_text(f'{{{head},"cases":[\n{lines}\n]}}\n')


def case(model: SentenceTransformer, text: str, name: str | None) -> dict:
    """What the library makes of a text by itself, or with the prompt of that name."""
    prompt = {"prompt": ""} if name is None else {"prompt_name": name}
    vector = model.encode(text, **prompt)
    named = {} if name is None else {"prompt": name}
    return {"text": text} | named | {"vector": [float(f"{number:.9g}") for number in vector.tolist()]}


if __name__ == "__main__":
    main()
