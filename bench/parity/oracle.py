"""What Hugging Face transformers answers: the expected values of every comparison.

Classifiers go through `pipeline("text-classification")` with all labels, in fp32 on the CPU, one text
at a time; encoders are pooled here as sentence-transformers does. Texts are truncated to what the
model's position table holds, whatever the tokenizer's own settings say.
"""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer, pipeline
from transformers.utils import logging

logging.set_verbosity_error()


class Oracle:
    """Answers texts by the checkpoint in `folder`; `pooling` is "" for a classifier."""

    def __init__(self, folder: Path, pooling: str):
        self.pooling = pooling
        config = AutoConfig.from_pretrained(folder)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.max_tokens = max_tokens(config, self.tokenizer)
        loader = AutoModel if pooling else AutoModelForSequenceClassification
        model, loaded = loader.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        # The pooler of an encoder is not read: a checkpoint may lack it.
        missing = [name for name in loaded["missing_keys"] if not (pooling and name.startswith("pooler."))]
        if missing:
            raise ValueError(f"{folder}: transformers found no tensor for {missing}")
        self.model = model.eval()
        if not pooling:
            self.classify = pipeline("text-classification", model=self.model, tokenizer=self.tokenizer, device="cpu")

    def ids(self, text: str) -> list[int]:
        """The truncated token ids with the special ones."""
        return self.tokenizer(text, truncation=True, max_length=self.max_tokens)["input_ids"]

    def answer(self, text: str) -> dict:
        """`{"scores": {label: score}}` or `{"vector": [...]}`."""
        with torch.inference_mode():
            if not self.pooling:
                ranked = self.classify([text], top_k=None, truncation=True, max_length=self.max_tokens)[0]
                return {"scores": {entry["label"]: short(entry["score"]) for entry in ranked}}
            hidden = self.model(input_ids=torch.tensor([self.ids(text)])).last_hidden_state[0]
            vector = hidden.mean(dim=0) if self.pooling == "mean" else hidden[0]
            return {"vector": [short(number) for number in vector.tolist()]}


def max_tokens(config, tokenizer) -> int:
    """The longest input: the position table's rows, less those below RoBERTa's first position."""
    roberta = config.model_type in ("roberta", "xlm-roberta")
    rows = config.max_position_embeddings - (config.pad_token_id + 1 if roberta else 0)
    return min(rows, tokenizer.model_max_length)


def short(number: float) -> float:
    """Nine significant digits: all that a 32-bit float has."""
    return float(f"{number:.9g}")
