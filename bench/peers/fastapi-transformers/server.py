"""The peer that most people write first: FastAPI and five transformers pipelines on PyTorch, fp32.

    python server.py --checkpoints DIR --port N

One job at a time, each on all cores: a pipeline's tokenizer must not be used by two threads at once, and
PyTorch's operators use every core by themselves. PYTHONPATH has ../common.
"""

import argparse
import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import torch
from classifiers import MAX_TOKENS, MODELS, labels_of
from transformers import pipeline
from transformers.utils import logging
from web import serve


class Service:
    def __init__(self, checkpoints: Path):
        logging.set_verbosity_error()
        self.worker = ThreadPoolExecutor(1)
        self.pipelines = [
            pipeline("text-classification", model=str(checkpoints / name), device="cpu", dtype=torch.float32)
            for name in MODELS
        ]

    async def answer(self, text: str) -> dict:
        return await asyncio.get_running_loop().run_in_executor(self.worker, self.classify, text)

    def classify(self, text: str) -> dict:
        answers = {}
        for name, classifier in zip(MODELS, self.pipelines):
            # A list, because an empty text by itself is taken for no text.
            found = classifier([text], truncation=True, max_length=MAX_TOKENS)[0]
            answers[name] = {"score": found["score"], "label": labels_of(name, [found["label"]])[0]}
        return answers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args()

    @asynccontextmanager
    async def start():
        yield Service(options.checkpoints).answer

    serve(start, options.port)


if __name__ == "__main__":
    main()
