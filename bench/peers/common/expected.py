"""What transformers answers in fp32 for a few texts, each alone: what every target must answer too.

    python expected.py <folder of checkpoints> <file>

Writes `{"texts": [...], "scores": {model: [{label: score, ...} for each text]}}`. The texts are short and
cut, empty, in many scripts, with control characters: sent at once they also try a server's batching.
"""

import json
import sys
from pathlib import Path

import torch
from classifiers import MAX_TOKENS, MODELS, labels_of
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

TEXTS = [
    "This is how true happiness looks like 👍😜",
    "",
    "ok",
    "Das Wetter ist heute schön, und die Kinder spielen im Garten. " * 3,
    "今天天气很好 \u0001\u0002 https://example.org",
    "Send 0.5 BTC to this address and receive 2 BTC back, guaranteed.",
    "Погода сегодня прекрасная, и дети играют в саду.",
    "الطقس جميل اليوم والأطفال يلعبون في الحديقة",
    "The quick brown fox jumps over the lazy dog. " * 12,
    "long " * 700,
]


@torch.inference_mode()
def scores(checkpoint: Path) -> list[dict]:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, dtype=torch.float32).eval()
    labels = labels_of(checkpoint.name, [model.config.id2label[index] for index in range(model.config.num_labels)])
    answers = []
    for text in TEXTS:
        encoded = tokenizer([text], truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        inputs = {name: encoded[name] for name in ("input_ids", "attention_mask")}
        answers.append(dict(zip(labels, model(**inputs).logits[0].softmax(-1).tolist())))
    return answers


def main() -> None:
    logging.set_verbosity_error()
    checkpoints, target = Path(sys.argv[1]), Path(sys.argv[2])
    found = {"texts": TEXTS, "scores": {name: scores(checkpoints / name) for name in MODELS}}
    part = target.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.rename(target)


if __name__ == "__main__":
    main()
