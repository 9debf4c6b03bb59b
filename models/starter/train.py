"""Trains the starter models on the CPU and writes them to the folders of their profiles.

    python train.py                 tokenizers and all the models
    python train.py svalabs ...     only these, with the tokenizers that are there
"""

import argparse
import math
import random
import time
from collections.abc import Iterator

import torch
from safetensors.torch import load_file
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from augmentation import HAPPY, PLAIN, SAD
from corpus import SPELLINGS, UNSPACED, counts, read_languages, read_lexicon, read_task
from export import shape, write_model, write_settings
from sampling import examples
from specification import BATCH, MODELS, SEED, SMOOTHING, WEIGHT, Model
from tokenization import Encoder, train_unigram, write_bytelevel, write_json, write_wordpiece

CLASSES = {
    "xlm-roberta": (XLMRobertaConfig, XLMRobertaForSequenceClassification),
    "roberta": (RobertaConfig, RobertaForSequenceClassification),
    "distilbert": (DistilBertConfig, DistilBertForSequenceClassification),
}


def train_tokenizers() -> None:
    rng = random.Random(SEED)
    shared = [task for task in SPELLINGS if task != "polarity"]
    tasks = {task: [text for file in read_task(task) for text in file.train(rng)] for task in shared}
    texts = []
    for label, language in read_languages().items():
        # A rare language's few sentences count as much as the many of others.
        repeat = max(1, round(WEIGHT[label] * 60 / len(language.sentences.train)))
        texts += language.sentences.train * repeat
        texts.append(("" if label in UNSPACED else " ").join(language.words))
    content = train_unigram([*texts, *(text for rows in tasks.values() for text in rows)])
    for model in MODELS.values():
        folder = model.folder
        folder.mkdir(parents=True, exist_ok=True)
        write_settings(model, folder)
        if model.kind == "distilbert":
            write_wordpiece(english_texts(), folder)
        elif model.kind == "roberta":
            english = read_languages()["English"].sentences.train
            write_bytelevel([*tasks["news"] * 2, *english], folder)
        else:
            write_json(folder / "tokenizer.json", content, indent=None)


def english_texts() -> list[str]:
    """What the English tokenizer learns its pieces from; a word that is there twice becomes one of them."""
    rng = random.Random(SEED)
    files = [*read_task("polarity"), *(file for task in ("toxicity", "spam") for file in read_task(task))]
    texts = [text for file in files if file.language == "English" for text in file.train(rng)]
    english = read_languages()["English"]
    texts += [*english.sentences.train, *english.words]
    for file in read_lexicon("en"):
        texts += [value for values in file.slots.values() for value in values * 2 if "{" not in value]
        texts += file.train(rng, times=8)
    faces = [face for face in HAPPY + SAD + PLAIN if not face.isascii()]
    return [*texts, *(f"{face} {face}{face}" for face in faces for _ in range(2))]


def build(model: Model, vocabulary: int) -> torch.nn.Module:
    torch.manual_seed(SEED)
    config, network_class = CLASSES[model.kind]
    settings = config(**shape(model, vocabulary), num_labels=len(model.labels))
    # Sampled and forgotten pieces do what dropout is for, at a fraction of its cost on a CPU.
    for name in shape(model, vocabulary):
        if "dropout" in name:
            setattr(settings, name, 0.0)
    network = network_class(settings)
    # Positions that no training text reaches stay neutral, so that long texts are read as well.
    torch.nn.init.zeros_(network.base_model.embeddings.position_embeddings.weight)
    if model.base:
        weights = load_file(MODELS[model.base].folder / "model.safetensors")
        encoder = {name: value.float() for name, value in weights.items() if name.startswith("roberta.")}
        _, unexpected = network.load_state_dict(encoder, strict=False)
        assert not unexpected, unexpected
    return network


def pad(rows: list[list[int]], id_: int) -> torch.Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [id_] * (width - len(row)) for row in rows])


def batches(model: Model, encoder: Encoder, seed: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches of texts of like length, so that little of them is padding."""
    draw, rng = examples(model, seed), random.Random(seed)
    while True:
        texts, labels = zip(*(draw() for _ in range(BATCH * 16)))
        rows = sorted(zip(encoder.sampled(texts), labels), key=lambda row: len(row[0]))
        pool = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
        rng.shuffle(pool)
        for batch in pool:
            ids, targets = zip(*batch)
            yield pad(ids, encoder.pad), torch.tensor(targets)


def rate(step: int, steps: int) -> float:
    """A tenth of the steps upwards, then half a cosine down."""
    warm = steps // 10
    return min(step / warm, 0.5 + 0.5 * math.cos(math.pi * max(0, step - warm) / (steps - warm)))


def train(model: Model) -> None:
    encoder = Encoder(model.folder)
    network = build(model, encoder.size).train()
    train_round(model, network, encoder, model.steps, model.rate, model.forget, SEED)
    if model.further:
        train_further(model, network, encoder)


def train_further(model: Model, network: torch.nn.Module, encoder: Encoder) -> None:
    """The second round: smaller steps, and texts cut more often as they are when it answers."""
    encoder.share = 0.3
    train_round(model, network, encoder, model.further, model.rate * 0.6, model.forget / 2, SEED + 1)


def train_round(
    model: Model, network: torch.nn.Module, encoder: Encoder, steps: int, peak: float, forget: float, seed: int
) -> None:
    started = time.monotonic()
    optimizer = torch.optim.AdamW(network.parameters(), lr=peak, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, steps))
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    average = 0.0
    for step, (ids, labels) in zip(range(1, steps + 1), batches(model, encoder, seed)):
        # Forgetting pieces makes it look at all of them.
        known = ids.masked_fill((torch.rand(ids.shape) < forget) & (ids > encoder.last), encoder.unknown)
        loss = loss_of(network(input_ids=known, attention_mask=(ids != encoder.pad).long()).logits, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average = loss.item() if step == 1 else 0.98 * average + 0.02 * loss.item()
        if step % (steps // 10) == 0:  # what an interruption leaves is a model as well
            write_model(model, network, encoder.size, model.folder)
        if step % 250 == 0:
            seconds = time.monotonic() - started
            print(f"{model.name} {step}/{steps} loss {average:.3f}, {seconds:.0f} s", flush=True)
    write_model(model, network, encoder.size, model.folder)
    print(f"{model.name} done in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="name")
    # The layers are too small for more threads to gain anything.
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - {*MODELS, "tokenizers"}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    torch.set_num_threads(arguments.threads)
    # Moments of rarely seen pieces fade into denormal numbers, ten times as slow.
    torch.set_flush_denormal(True)
    print("sentences (training, held out):", counts())
    if not arguments.names or "tokenizers" in arguments.names:
        train_tokenizers()
    for name, model in MODELS.items():
        if not arguments.names or name in arguments.names:
            train(model)


if __name__ == "__main__":
    main()
