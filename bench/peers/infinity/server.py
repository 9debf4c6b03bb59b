"""The peer: Infinity's own engines, one per model with its own dynamic batching, behind one request.

    python server.py --checkpoints DIR --port N [--max-batch 32]

Infinity's HTTP interface answers one model per request, so a request of five models comes in here and goes
to the five engines as its Python interface documents (AsyncEngineArray, classify). fp32, PyTorch.
PYTHONPATH has ../common.
"""

import argparse
import asyncio
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from classifiers import MAX_TOKENS, MODELS, labels_of
from infinity_emb import AsyncEngineArray, EngineArgs
from transformers import AutoConfig
from web import serve


class Service:
    def __init__(self, engines: AsyncEngineArray):
        self.engines = engines

    async def answer(self, text: str) -> dict:
        return dict(zip(MODELS, await asyncio.gather(*(self.classify(name, text) for name in MODELS))))

    async def classify(self, name: str, text: str) -> dict:
        predictions, _ = await self.engines[name].classify(sentences=[text])
        # Every label of the text, best first.
        best = max(predictions[0], key=lambda prediction: prediction["score"])
        return {"score": best["score"], "label": labels_of(name, [best["label"]])[0]}


def completed(checkpoint: Path, folder: Path) -> Path:
    """The checkpoint as Infinity needs it, by links: with labels, else it is a reranker, and a length to cut at."""
    folder.mkdir()
    for file in checkpoint.iterdir():
        (folder / file.name).symlink_to(file)
    labels = AutoConfig.from_pretrained(checkpoint).id2label
    add(folder / "config.json", {"id2label": labels, "label2id": {label: index for index, label in labels.items()}})
    add(folder / "tokenizer_config.json", {"model_max_length": MAX_TOKENS})
    return folder


def add(file: Path, values: dict) -> None:
    old = json.loads(file.read_text()) if file.exists() else {}
    file.unlink(missing_ok=True)
    file.write_text(json.dumps(old | values))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--max-batch", type=int, default=32)
    options = parser.parse_args()
    # The engines compute at once: more threads than cores would wait for each other.
    torch.set_num_threads(max(1, os.cpu_count() // len(MODELS)))

    @asynccontextmanager
    async def start():
        with TemporaryDirectory() as folder:
            engines = AsyncEngineArray.from_args(
                EngineArgs(
                    model_name_or_path=str(completed(options.checkpoints / name, Path(folder) / name)),
                    served_model_name=name,
                    engine="torch",
                    device="cpu",
                    dtype="float32",
                    bettertransformer=False,
                    compile=False,
                    batch_size=options.max_batch,
                    model_warmup=False,
                )
                for name in MODELS
            )
            await engines.astart()
            yield Service(engines).answer
            await engines.astop()

    serve(start, options.port)


if __name__ == "__main__":
    main()
