"""The peer: FastAPI and ONNX Runtime, one fused session per model; nothing batched, or a queue per model.

    python server.py --graphs DIR --port N [--intra-threads 1] [--workers 2] [--window-ms 10]

Written as a competent engineer would for throughput: each distinct tokenizer runs once for a text; the
five models of a text are five jobs of one pool of threads, in order of arrival; ONNX Runtime lets go of
the interpreter while it computes, so one process uses every core. POST /process, GET /readyz.

With --window-ms each model has one queue: the first text in it opens a window, and what has come when it
closes, at most --max-batch texts, is padded to the longest and run at once.
"""

import argparse
import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import onnxruntime
import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from tokenizers import Tokenizer

MODELS = ["cardiffnlp", "ivanlau", "svalabs", "EIStakovskii", "jy46604790"]
UPPER_CASE = {"cardiffnlp"}
MAX_TOKENS = 512
PADDING = 1


class Model:
    """A session with its labels; `run` is called from many threads at once."""

    def __init__(self, folder: Path, intra_threads: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = intra_threads
        options.inter_op_num_threads = 1
        graph = str(folder / "model.onnx")
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        labels = json.loads((folder / "labels.json").read_text())
        self.labels = [label.upper() for label in labels] if folder.name in UPPER_CASE else labels

    def run(self, texts: list[list[int]]) -> list[dict]:
        longest = max(map(len, texts))
        ids = np.full((len(texts), longest), PADDING, np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        return [self.answer(logits) for logits in self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]]

    def answer(self, logits: np.ndarray) -> dict:
        scores = np.exp(logits - logits.max())
        best = int(scores.argmax())
        return {"score": float(scores[best] / scores.sum()), "label": self.labels[best]}


class Window:
    """A model's queue: texts that come within a window run as one batch."""

    def __init__(self, model: Model, pool: ThreadPoolExecutor, seconds: float, most: int):
        self.model, self.pool, self.seconds, self.most = model, pool, seconds, most
        self.queue: asyncio.Queue = asyncio.Queue()
        self.task = asyncio.create_task(self.work())

    async def run(self, text: list[int]) -> dict:
        answer = asyncio.get_running_loop().create_future()
        self.queue.put_nowait((text, answer))
        return await answer

    async def work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self.queue.get()]
            closes = loop.time() + self.seconds
            while len(batch) < self.most:
                try:
                    batch.append(await asyncio.wait_for(self.queue.get(), closes - loop.time()))
                except TimeoutError:
                    break
            texts = [text for text, _ in batch]
            answers = await loop.run_in_executor(self.pool, self.model.run, texts)
            for (_, waiting), answer in zip(batch, answers):
                waiting.set_result(answer)


class Service:
    """All models, and for each the index of its tokenizer among the distinct ones."""

    def __init__(self, graphs: Path, intra_threads: int, workers: int, window: float, most: int):
        self.pool = ThreadPoolExecutor(workers)
        self.models = [Model(graphs / name, intra_threads) for name in MODELS]
        self.tokenizers: list[Tokenizer] = []
        self.tokenizer_of = []
        vocabularies: dict[int, int] = {}
        for name in MODELS:
            tokenizer = Tokenizer.from_file(str(graphs / name / "tokenizer.json"))
            vocabulary = hash(frozenset(tokenizer.get_vocab().items()))
            if vocabulary not in vocabularies:
                vocabularies[vocabulary] = len(self.tokenizers)
                tokenizer.no_padding()
                tokenizer.enable_truncation(MAX_TOKENS)
                self.tokenizers.append(tokenizer)
            self.tokenizer_of.append(vocabularies[vocabulary])

        self.windows = [Window(model, self.pool, window, most) for model in self.models] if window else []

    async def answer(self, text: str) -> dict:
        # A tenth of a millisecond each: cheaper here than the way to another thread and back.
        encoded = [tokenizer.encode(text).ids for tokenizer in self.tokenizers]
        texts = [encoded[tokenizer] for tokenizer in self.tokenizer_of]
        if self.windows:
            jobs = [window.run(text) for window, text in zip(self.windows, texts)]
        else:
            jobs = [self.alone(model, text) for model, text in zip(self.models, texts)]
        return dict(zip(MODELS, await asyncio.gather(*jobs)))

    async def alone(self, model: Model, text: list[int]) -> dict:
        return (await asyncio.get_running_loop().run_in_executor(self.pool, model.run, [text]))[0]


def create_app(options: argparse.Namespace) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI):
        app.state.service = Service(
            options.graphs, options.intra_threads, options.workers, options.window_ms / 1000, options.max_batch
        )
        yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/process")
    async def process(request: Request) -> Response:
        try:
            text = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            text = None
        if not isinstance(text, str):
            return Response(b'{"detail":"the body must be a JSON string"}', 400, media_type="application/json")
        answer = await request.app.state.service.answer(text)
        return Response(orjson.dumps(answer), media_type="application/json")

    @app.get("/readyz")
    async def readyz() -> Response:
        return Response(b"ok")

    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--graphs", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--intra-threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--window-ms", type=float, default=0)
    parser.add_argument("--max-batch", type=int, default=32)
    options = parser.parse_args()
    app = create_app(options)
    uvicorn.run(
        app, host="127.0.0.1", port=options.port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )


if __name__ == "__main__":
    main()
