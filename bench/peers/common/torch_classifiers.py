"""The five models on PyTorch, a padded batch of texts at a time: what a serving framework calls."""

from pathlib import Path

import torch
from classifiers import MODELS, Encoders, best, labels_of
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

PADDING = 1


class TorchClassifiers:
    """fp32; `answer` uses all cores by itself and is called from one thread at a time."""

    def __init__(self, checkpoints: Path):
        logging.set_verbosity_error()
        folders = [checkpoints / name for name in MODELS]
        self.encoders = Encoders([AutoTokenizer.from_pretrained(folder).backend_tokenizer for folder in folders])
        load = AutoModelForSequenceClassification.from_pretrained
        self.models = [load(folder, dtype=torch.float32).eval() for folder in folders]
        names = [model.config.id2label for model in self.models]
        self.labels = [labels_of(name, [names[i][j] for j in range(len(names[i]))]) for i, name in enumerate(MODELS)]

    @torch.inference_mode()
    def answer(self, texts: list[str]) -> list[dict]:
        encoded = [self.encoders.encode(text) for text in texts]
        answers = [{} for _ in texts]
        for index, (name, model) in enumerate(zip(MODELS, self.models)):
            logits = model(**pad([ids[index] for ids in encoded])).logits.numpy()
            for answer, row in zip(answers, logits):
                answer[name] = best(self.labels[index], row)
        return answers


def pad(texts: list[list[int]]) -> dict:
    longest = max(map(len, texts))
    ids = torch.full((len(texts), longest), PADDING)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return {"input_ids": ids, "attention_mask": mask}
