"""The peer: FastAPI and ONNX Runtime, one session per model; nothing batched, or a queue per model.

    python server.py --graphs DIR --port N [--intra-threads 1] [--workers 2] [--window-ms 10]
    python server.py --graphs DIR --port N --openvino f32|bf16 [--intra-threads 2] [--workers 1]

Written as a competent engineer would for throughput: each distinct tokenizer runs once for a text; the
five models of a text are five jobs of one pool of threads, in order of arrival; ONNX Runtime lets go of
the interpreter while it computes, so one process uses every core. PYTHONPATH has ../common.

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
from classifiers import MODELS, Encoders, best, labels_of
from tokenizers import Tokenizer
from web import serve

PADDING = 1
# Divides every layer's inputs, 768 and 3072, as it must: OpenVINO takes another size in silence and computes
# in fp32. One group is then a whole token for all layers but one.
DYNAMIC_QUANTIZATION_GROUP = 768


class Model:
    """A session with its labels; `run` is called from many threads at once."""

    def __init__(self, folder: Path, intra_threads: int, openvino: str | None):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = intra_threads
        options.inter_op_num_threads = 1
        providers: list = ["CPUExecutionProvider"]
        if openvino is not None:
            # Without this, operators that OpenVINO refuses, or all, run elsewhere and nobody is told.
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
            providers = [("OpenVINOExecutionProvider", openvino_options(openvino, intra_threads))]
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=providers)
        if openvino is not None and self.session.get_providers()[0] != "OpenVINOExecutionProvider":
            raise RuntimeError(f"{folder}: OpenVINO did not take the graph")
        self.labels = labels_of(folder.name, json.loads((folder / "labels.json").read_text()))

    def run(self, texts: list[list[int]]) -> list[dict]:
        longest = max(map(len, texts))
        ids = np.full((len(texts), longest), PADDING, np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        logits = self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return [best(self.labels, row) for row in logits]


def openvino_options(precision: str, threads: int) -> dict:
    properties = {
        "INFERENCE_PRECISION_HINT": precision,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(DYNAMIC_QUANTIZATION_GROUP),
    }
    return {
        "device_type": "CPU",
        "num_of_threads": str(threads),
        "num_streams": "1",
        "load_config": json.dumps({"CPU": properties}),
    }


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
    """All models, their tokenizers, and the pool that runs them."""

    def __init__(self, options: argparse.Namespace):
        folders = [options.graphs / name for name in MODELS]
        self.pool = ThreadPoolExecutor(options.workers)
        self.models = [Model(folder, options.intra_threads, options.openvino) for folder in folders]
        self.encoders = Encoders([Tokenizer.from_file(str(folder / "tokenizer.json")) for folder in folders])
        window = options.window_ms / 1000
        self.windows = [Window(model, self.pool, window, options.max_batch) for model in self.models] if window else []

    async def answer(self, text: str) -> dict:
        # A tenth of a millisecond each: cheaper here than the way to another thread and back.
        encoded = self.encoders.encode(text)
        if self.windows:
            jobs = [window.run(ids) for window, ids in zip(self.windows, encoded)]
        else:
            jobs = [self.alone(model, ids) for model, ids in zip(self.models, encoded)]
        return dict(zip(MODELS, await asyncio.gather(*jobs)))

    async def alone(self, model: Model, ids: list[int]) -> dict:
        return (await asyncio.get_running_loop().run_in_executor(self.pool, model.run, [ids]))[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--graphs", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--openvino", choices=["f32", "bf16"], help="by OpenVINO; precision of all but int8 layers")
    parser.add_argument("--intra-threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--window-ms", type=float, default=0)
    parser.add_argument("--max-batch", type=int, default=32)
    options = parser.parse_args()

    @asynccontextmanager
    async def start():
        yield Service(options).answer

    serve(start, options.port)


if __name__ == "__main__":
    main()
