"""What every Python peer shares: the five models, their labels, their tokenizers, and an answer's shape."""

import numpy as np
from tokenizers import Tokenizer

MODELS = ["cardiffnlp", "ivanlau", "svalabs", "EIStakovskii", "jy46604790"]
# Its checkpoint says `negative`; the challenge wants NEGATIVE.
UPPER_CASE = {"cardiffnlp"}
MAX_TOKENS = 512


def labels_of(model: str, labels: list[str]) -> list[str]:
    """The labels as they are answered, from those of the checkpoint."""
    return [label.upper() for label in labels] if model in UPPER_CASE else labels


def best(labels: list[str], logits: np.ndarray) -> dict:
    """The answer of one model for one text."""
    scores = np.exp(logits - logits.max())
    index = int(scores.argmax())
    return {"score": float(scores[index] / scores.sum()), "label": labels[index]}


class Encoders:
    """Each distinct tokenizer among those of the models; encodes a text once by each."""

    def __init__(self, tokenizers: list[Tokenizer]):
        self.distinct: list[Tokenizer] = []
        self.of_model: list[int] = []
        known: dict[int, int] = {}
        for tokenizer in tokenizers:
            vocabulary = hash(frozenset(tokenizer.get_vocab().items()))
            if vocabulary not in known:
                known[vocabulary] = len(self.distinct)
                tokenizer.no_padding()
                tokenizer.enable_truncation(MAX_TOKENS)
                self.distinct.append(tokenizer)
            self.of_model.append(known[vocabulary])

    def encode(self, text: str) -> list[list[int]]:
        """Ids for every model, in their order."""
        ids = [tokenizer.encode(text).ids for tokenizer in self.distinct]
        return [ids[index] for index in self.of_model]
