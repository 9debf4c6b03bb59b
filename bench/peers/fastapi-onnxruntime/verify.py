"""Compares the running peer with transformers on a few texts; exits with 1 where they differ.

    python verify.py <folder of checkpoints> http://127.0.0.1:8080/process
"""

import json
import sys
import urllib.request
from pathlib import Path

from transformers import pipeline
from transformers.utils import logging

MODELS = ["cardiffnlp", "ivanlau", "svalabs", "EIStakovskii", "jy46604790"]
TOLERANCE = 1e-5
TEXTS = [
    "This is how true happiness looks like 👍😜",
    "",
    "Das Wetter ist heute schön, und die Kinder spielen im Garten. " * 3,
    "今天天气很好 \u0001\u0002 https://example.org",
    "long " * 700,
]


def ask(url: str, text: str) -> dict:
    request = urllib.request.Request(url, json.dumps(text).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def main() -> None:
    checkpoints, url = Path(sys.argv[1]), sys.argv[2]
    logging.set_verbosity_error()
    served = [ask(url, text) for text in TEXTS]
    worst = 0.0
    for name in MODELS:
        classify = pipeline("text-classification", model=str(checkpoints / name), device="cpu", dtype="float32")
        for text, answers in zip(TEXTS, served):
            expected = classify([text], truncation=True, max_length=512)[0]
            found = answers[name]
            worst = max(worst, abs(expected["score"] - found["score"]))
            if expected["label"].upper() != found["label"].upper():
                print(f"{name}: {text[:30]!r}: expected {expected}, found {found}")
                worst = 1.0
        print(f"{name}: largest difference so far {worst:.1e}", flush=True)
    sys.exit(worst > TOLERANCE)


if __name__ == "__main__":
    main()
