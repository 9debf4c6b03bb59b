"""Trains the encoder of the profile retrieval-starter on the CPU, from the corpus and a teacher, and writes encoder/.

    python train.py

The teacher says what the project's texts mean; the encoder learns to say the same in fewer dimensions, and that a
paraphrase means what its question means. Seeds are fixed.
"""

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch.nn.functional import cross_entropy, normalize
from torch.nn.utils.rnn import pad_sequence
from tokenizers import Tokenizer
from transformers import BertModel

import starter  # noqa: F401  for the modules of ../starter
from augmentation import typo
from questions import Paraphrase, Question, read_corpus, read_paraphrases
from shape import DIMENSIONS, ENCODER, LONGEST, PIECES, build, write_encoder
from teacher import Teacher, directions, project
from texts import in_a_row, replaced, starter_texts
from tokenization import BERT_SPECIAL
from vocabulary import choose_pieces, words_of, write_tokenizer

SEED, THREADS = 11, 2
REPLACED, ROWS = 20000, 4000
# With more of them fewer of other people's questions are found (`covid` in evaluate.py).
STEPS, RATE = 600, 1e-3
PAIRS, TEXTS = 64, 128  # of a batch
FORGET = 0.1  # the share of pieces hidden in training
SHARPNESS = 20.0  # what cosines are multiplied by before they compete
# Of what a paraphrase is to mean: how much its question says, and how much the paraphrase itself.
OF_THE_QUESTION = 0.25
WEIGHTS = {"meaning": 4.0, "choice": 1.0, "pair": 0.2}


class Batch(NamedTuple):
    """Texts by number. Questions and paraphrases belong together, in their order."""

    questions: list[int]
    paraphrases: list[int]
    others: list[int]


class Reader:
    """Texts as ids, with the faults that people make when they type."""

    def __init__(self) -> None:
        self.tokenizer = Tokenizer.from_file(str(ENCODER / "tokenizer.json"))
        self.tokenizer.enable_truncation(LONGEST)
        self.rng = random.Random(SEED)

    def ids(self, texts: list[str]) -> torch.Tensor:
        """[texts, longest of them], filled up with 0."""
        encodings = self.tokenizer.encode_batch([self.roughen(text) for text in texts])
        ids = pad_sequence([torch.tensor(encoding.ids) for encoding in encodings], batch_first=True)
        forgotten = (torch.rand(ids.shape) < FORGET) & (ids >= len(BERT_SPECIAL))
        return ids.masked_fill(forgotten, BERT_SPECIAL.index("[UNK]"))

    def roughen(self, text: str) -> str:
        if self.rng.random() < 0.25:
            text = text.rstrip("?.!") or text
        return typo(text, self.rng) if self.rng.random() < 0.12 else text


def embed(network: BertModel, ids: torch.Tensor) -> torch.Tensor:
    """The mean of each text's tokens, [texts, DIMENSIONS] of length 1."""
    mask = (ids != 0).long()
    hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state
    return normalize((hidden * mask.unsqueeze(-1)).sum(1), dim=1)


def batches(questions: list[Question], paraphrases: list[Paraphrase], texts: list[str]) -> Iterator[Batch]:
    """Endless batches, the others of one of like length; the texts are the questions, the paraphrases, then others."""
    rng = random.Random(SEED)
    number = {question.id: at for at, question in enumerate(questions)}
    ways = defaultdict(list)
    for at, paraphrase in enumerate(paraphrases, len(questions)):
        ways[number[paraphrase.id]].append(at)
    while True:
        drawn = sorted(rng.choices(range(len(texts)), k=TEXTS * 16), key=lambda at: len(texts[at]))
        pool = [drawn[start : start + TEXTS] for start in range(0, len(drawn), TEXTS)]
        rng.shuffle(pool)
        for others in pool:
            chosen = rng.sample(sorted(ways), PAIRS)
            yield Batch(chosen, [rng.choice(ways[question]) for question in chosen], others)


def loss(network: BertModel, reader: Reader, batch: Batch, texts: list[str], meanings: torch.Tensor) -> torch.Tensor:
    """How far from the teacher's meanings it is, which text it would take for another, and which question."""
    pairs = embed(network, reader.ids([texts[at] for at in batch.questions + batch.paraphrases]))
    questions, paraphrases = pairs[:PAIRS], pairs[PAIRS:]
    others = embed(network, reader.ids([texts[at] for at in batch.others]))
    said = torch.cat([meanings[batch.questions], meanings[batch.others]])
    between = OF_THE_QUESTION * meanings[batch.questions] + (1 - OF_THE_QUESTION) * meanings[batch.paraphrases]
    learnt = torch.cat([questions, others])
    closeness = torch.cat([(learnt * said).sum(1), (paraphrases * normalize(between, dim=1)).sum(1)])
    choice = cross_entropy(SHARPNESS * learnt @ said.T, torch.arange(len(said)))
    scores, right = SHARPNESS * paraphrases @ questions.T, torch.arange(PAIRS)
    pair = (cross_entropy(scores, right) + cross_entropy(scores.T, right)) / 2
    return WEIGHTS["meaning"] * (1 - closeness).mean() + WEIGHTS["choice"] * choice + WEIGHTS["pair"] * pair


def train(network: BertModel, stream: Iterator[Batch], texts: list[str], meanings: torch.Tensor) -> None:
    reader, started, average = Reader(), time.monotonic(), 0.0
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS, pct_start=0.1)
    for step, batch in zip(range(1, STEPS + 1), stream):
        value = loss(network, reader, batch, texts, meanings)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average = value.item() if step == 1 else 0.98 * average + 0.02 * value.item()
        if step % 100 == 0:
            print(f"{step}/{STEPS} loss {average:.3f}, {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    torch.set_num_threads(THREADS)
    rng = random.Random(SEED)
    questions = read_corpus()
    paraphrases = read_paraphrases("train", questions)
    own = [row.text for row in [*questions, *paraphrases]]
    others = starter_texts(rng)
    teacher = Teacher()
    pieces = choose_pieces(teacher.tokenizer, own + others, PIECES)
    ENCODER.mkdir(exist_ok=True)
    write_tokenizer(pieces, LONGEST, ENCODER)
    words = words_of(pieces)
    texts = [*own, *others, *replaced(own, words, REPLACED, rng), *in_a_row(words, ROWS, rng)]
    print(f"{len(questions)} questions, {len(paraphrases)} paraphrases, {len(texts)} texts, {len(pieces)} pieces")
    said = teacher.vectors(texts)
    basis = directions(said, DIMENSIONS)
    network = build(torch.from_numpy(project(teacher.pieces(pieces), basis)), SEED)
    meanings = torch.from_numpy(project(said, basis))
    train(network.train(), batches(questions, paraphrases, texts), texts, meanings)
    write_encoder(network)


if __name__ == "__main__":
    main()
