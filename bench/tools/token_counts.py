"""Counts tokens as transformers does, special tokens included, at most 512.

    python token_counts.py <checkpoint> [<checkpoint> ...] < texts.jsonl

Reads a JSON string per line and writes, per line, a JSON array with one count for each checkpoint.
"""

import json
import sys

from transformers import AutoTokenizer
from transformers.utils import logging

MAX_TOKENS = 512


def main() -> None:
    logging.set_verbosity_error()
    texts = [json.loads(line) for line in sys.stdin]
    counts = []
    for checkpoint in sys.argv[1:]:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        counts.append([len(ids) for ids in tokenizer(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]])
    for line in zip(*counts):
        print(json.dumps(line))


if __name__ == "__main__":
    main()
