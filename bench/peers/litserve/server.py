"""The peer: LitServe with its own batching, the five models of a batch one after another in its worker.

    python server.py --checkpoints DIR --port N [--max-batch 32] [--window-ms 10]

PYTHONPATH has ../common.
"""

import argparse
from pathlib import Path

import litserve
from torch_classifiers import TorchClassifiers


class Classify(litserve.LitAPI):
    def __init__(self, checkpoints: Path, **batching):
        super().__init__(api_path="/process", **batching)
        self.checkpoints = checkpoints

    def setup(self, device: str) -> None:
        self.classifiers = TorchClassifiers(self.checkpoints)

    # Without types: LitServe would read one as a parameter of the URL.
    def decode_request(self, request):
        return request

    def predict(self, texts: list[str]) -> list[dict]:
        return self.classifiers.answer(texts)

    def encode_response(self, answer: dict) -> dict:
        return answer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--max-batch", type=int, default=32)
    parser.add_argument("--window-ms", type=float, default=10)
    options = parser.parse_args()
    api = Classify(options.checkpoints, max_batch_size=options.max_batch, batch_timeout=options.window_ms / 1000)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=300)
    server.run(host="127.0.0.1", port=options.port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
