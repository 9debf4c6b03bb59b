"""Trains the five starter models on the CPU and writes them next to this file: python train.py [tokenizers] [model ...]"""
import json
import random
import shutil
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import (RobertaConfig, RobertaForSequenceClassification, XLMRobertaConfig,
                          XLMRobertaForSequenceClassification)

import corpus
from corpus import LANGUAGES, NEGATIVE, PLAIN, POSITIVE, noise
from tokenizer import train_bpe, train_unigram

HERE = Path(__file__).parent
VOCAB, NEWS_VOCAB, MAX_TOKENS = 6000, 3500, 160
torch.set_num_threads(1)  # models this small gain little from a second one

# folder: kind, labels, hidden size, stored type, training steps
MODELS = {
    "ivanlau": ("xlm-roberta", LANGUAGES, 96, torch.float16, 3600),
    "cardiffnlp": ("xlm-roberta", ["negative", "neutral", "positive"], 64, torch.float16, 2000),
    "svalabs": ("xlm-roberta", ["HAM", "SPAM"], 64, torch.float16, 900),
    "EIStakovskii": ("xlm-roberta", ["LABEL_0", "LABEL_1"], 64, torch.float16, 900),
    "jy46604790": ("roberta", ["LABEL_0", "LABEL_1"], 64, torch.float32, 700),
}
TASK = {"cardiffnlp": "sentiment", "svalabs": "spam", "EIStakovskii": "toxic", "jy46604790": "news"}
NAMES = {"ar": "Arabic", "cs": "Czech", "de": "German", "en": "English", "es": "Spanish", "fr": "French",
         "id": "Indonesian", "it": "Italian", "ja": "Japanese", "nl": "Dutch", "pl": "Polish", "pt": "Portuguese",
         "ru": "Russian", "sv": "Swedish", "tr": "Turkish", "uk": "Ukranian", "zh": "Chinese_China"}


class Source:
    """Endless training texts and the held-out texts of one model."""

    def __init__(self, folder):
        self.folder, self.rng = folder, random.Random(folder)
        self.languages = corpus.languages()
        self.tasks = corpus.tasks(TASK[folder]) if folder in TASK else []
        self.extra, self.draw = {}, corpus.favoured()
        self.opinions = corpus.tasks("sentiment") if folder in ("svalabs", "EIStakovskii") else []
        if folder == "ivanlau":
            for task in TASK.values():
                for t in corpus.tasks(task):
                    if t.language in NAMES:
                        self.extra.setdefault(NAMES[t.language], []).extend(
                            t.expand(text, self.rng) for _, text in t.train for _ in range(3))

    def text(self):
        rng = self.rng
        if self.folder == "ivanlau":
            label = rng.choice(self.draw)
            lang = self.languages[LANGUAGES[label]]
            return corpus.language_text(lang, self.extra.get(lang.label), rng), label
        if self.folder == "jy46604790":
            task = rng.choice(self.tasks)
            label = rng.randrange(2)
            texts = []
            while not texts or rng.random() < 0.3:
                texts.append(task.expand(rng.choice([t for l, t in task.train if l == label]), rng))
            if label == 0 and rng.random() < 0.06:
                return noise(rng.choice(self.languages["English"].train[8:]), rng, emoji=0.4), 0
            text = " ".join(texts)
            return (noise(text, rng, mentions=0.02, emoji=0.0) if rng.random() < 0.7 else text), label
        sentiment = self.folder == "cardiffnlp"
        if rng.random() < (0.17 if sentiment else 0.25):  # plain sentences of all the languages
            lang = self.languages[rng.choice(LANGUAGES)]
            return corpus.language_text(lang, None, rng) if not sentiment else noise(rng.choice(lang.train), rng), int(sentiment)
        if self.opinions and rng.random() < 0.15:  # liking or hating a thing is neither spam nor toxic
            task = rng.choice(self.opinions)
            return noise(task.expand(rng.choice(task.train)[1], rng), rng, emoji=0.2), 0
        task = rng.choice(self.tasks)
        label = rng.randrange(3) if sentiment else int(rng.random() < 0.65)  # the plain texts above are all 0
        rows = [t for l, t in task.train if l == label]
        text = task.expand(rng.choice(rows), rng)
        if sentiment and label != 1 and rng.random() < 0.4:  # words on their own, or among plain ones
            slot = rng.choice(["{pos}", "{pw}"] if label == 2 else ["{neg}", "{nw}"])
            text = task.expand(rng.choice([slot, "{n} {pos}", slot + " {n}", slot + ", " + slot]).replace(
                "{pos}", "{pos}" if label == 2 else "{neg}"), rng)
        if self.folder == "EIStakovskii" and label == 1 and rng.random() < 0.25:
            text = task.expand(rng.choice(["{bad}", "{bad}!", "{bad}, {bad}"]), rng)
        if label != 1 and rng.random() < 0.12:
            text = span_join(text, task.expand(rng.choice(rows), rng), rng)
        elif rng.random() < 0.12:
            plain = rng.choice(self.languages[NAMES[task.language]].train) if task.language in NAMES else ""
            text = span_join(text, plain, rng)
        if sentiment:
            faces = (NEGATIVE, PLAIN, POSITIVE)[label]
            if rng.random() < 0.22:
                text += " " + "".join(rng.choices(faces, k=rng.randint(1, 2)))
            if label != 1 and rng.random() < 0.05:
                text = noise(rng.choice(self.languages[rng.choice(LANGUAGES)].train), rng, emoji=0) + " " + rng.choice(faces)
            return noise(text, rng, emoji=0), label
        if label == 0 and rng.random() < 0.1:
            text += " " + rng.choice(POSITIVE + NEGATIVE)
        return noise(text, rng), label

    def held_out(self):
        rng, rows = random.Random(7), []
        if self.folder == "ivanlau":
            rows = [(s, i) for i, n in enumerate(LANGUAGES) for s in self.languages[n].test]
        for task in self.tasks:
            rows += [(task.expand(t, rng), l) for l, t in task.test for _ in range(3 if "{" in t else 1)]
        return rows


def span_join(a, b, rng):
    return (a + " " + b if rng.random() < 0.5 else b + " " + a).strip()


def encode(tokenizer, texts):
    ids = [e.ids if len(e.ids) <= MAX_TOKENS else e.ids[:MAX_TOKENS - 1] + [2] for e in tokenizer.encode_batch(texts)]
    width = max(map(len, ids))
    batch = torch.full((len(ids), width), 1)
    for row, seq in zip(batch, ids):
        row[:len(seq)] = torch.tensor(seq)
    return batch


def build(folder, vocab):
    kind, labels, hidden, dtype, _ = MODELS[folder]
    config = {
        "architectures": ["XLMRobertaForSequenceClassification" if kind == "xlm-roberta" else "RobertaForSequenceClassification"],
        "attention_probs_dropout_prob": 0.1, "bos_token_id": 0, "classifier_dropout": None, "eos_token_id": 2,
        "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "hidden_size": hidden}
    names = {str(i): l for i, l in enumerate(labels)}
    if not labels[0].startswith("LABEL_"):
        config["id2label"] = names
    config |= {"initializer_range": 0.02, "intermediate_size": 4 * hidden}
    if folder == "ivanlau":
        config["label2id"] = {l: str(i) for i, l in enumerate(labels)}
    elif folder != "svalabs" and "id2label" in config:
        config["label2id"] = {l: i for i, l in enumerate(labels)}
    if folder == "svalabs":
        config["label2id"] = {l: i for i, l in enumerate(labels)}
    config |= {"layer_norm_eps": 1e-05, "max_position_embeddings": 514, "model_type": kind,
               "num_attention_heads": hidden // 32, "num_hidden_layers": 2, "output_past": True, "pad_token_id": 1,
               "position_embedding_type": "absolute", "problem_type": "single_label_classification",
               "torch_dtype": str(dtype).split(".")[1], "type_vocab_size": 1, "use_cache": True, "vocab_size": vocab}
    if kind == "roberta":
        del config["output_past"]
    torch.manual_seed(20)
    make = (XLMRobertaConfig, XLMRobertaForSequenceClassification) if kind == "xlm-roberta" else (
        RobertaConfig, RobertaForSequenceClassification)
    settings = {k: v for k, v in config.items() if k not in ("architectures", "torch_dtype", "label2id", "id2label", "model_type")}
    model = make[1](make[0](**settings, num_labels=len(labels)))
    torch.nn.init.zeros_(model.roberta.embeddings.position_embeddings.weight)  # long texts: unseen positions stay neutral
    return model, config


def train(folder):
    source, started = Source(folder), time.time()
    tokenizer = Tokenizer.from_file(str(HERE / folder / "tokenizer.json"))
    model, config = build(folder, tokenizer.get_vocab_size())
    steps = MODELS[folder][4]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1)
    loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
    pool = []
    for step in range(steps):
        if not pool:  # sixteen batches at a time, sorted by length so that little is padding
            rows = sorted((source.text() for _ in range(1536)), key=lambda r: len(r[0]))
            pool = [rows[i:i + 96] for i in range(0, len(rows), 96)]
            source.rng.shuffle(pool)
        texts, labels = zip(*pool.pop())
        ids = encode(tokenizer, list(texts))
        mask = (ids != 1)
        if folder == "ivanlau":  # forgetting pieces makes it look at all of them
            ids = ids.masked_fill((torch.rand(ids.shape) < 0.05) & (ids > 3), 3)
        loss = loss_of(model(input_ids=ids, attention_mask=mask.long()).logits, torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"{folder} step {step} loss {loss.item():.3f} {time.time() - started:.0f}s", flush=True)
    out = HERE / folder
    (out / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")
    weights = {k: v.to(MODELS[folder][3]).contiguous() for k, v in model.state_dict().items() if "position_ids" not in k and "token_type_ids" not in k}
    save_file(weights, str(out / "model.safetensors"), metadata={"format": "pt"})
    print(f"{folder}: {time.time() - started:.0f} s", flush=True)


def write_tokenizers():
    rng, texts, news = random.Random(3), [], []
    for lang in corpus.languages().values():
        texts += lang.train * 2 + [" ".join(rng.choices(lang.words, k=12)) for _ in range(60)] if lang.label not in corpus.CJK \
            else lang.train * 2 + ["".join(lang.words)]
    for task in TASK.values():
        for t in corpus.tasks(task):
            expanded = [t.expand(text, rng) for _, text in t.train for _ in range(4)]
            (news if task == "news" else texts).extend(expanded)
    texts += news[:300]
    han = "".join(sorted({c for l in corpus.CJK for c in "".join(corpus.Language(l).train + corpus.Language(l).words)
                          if c > "\u2fff"}))
    required = "".join(sorted({c for e in POSITIVE + NEGATIVE + PLAIN for c in e} | set(han)))
    first = HERE / "cardiffnlp"
    for folder in MODELS:
        (HERE / folder).mkdir(exist_ok=True)
    train_unigram(texts, VOCAB, required, first / "tokenizer.json")
    base = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>",
            "pad_token": "<pad>"}
    mask = {"content": "<mask>", "single_word": False, "lstrip": True, "rstrip": False, "normalized": True}
    for folder in ("ivanlau", "svalabs", "EIStakovskii"):
        shutil.copyfile(first / "tokenizer.json", HERE / folder / "tokenizer.json")
    news += corpus.languages()["English"].train + [" ".join(corpus.languages()["English"].words)]
    for task in TASK.values():
        news += [t.expand(text, rng) for t in corpus.tasks(task) if t.language == "en" for _, text in t.train for _ in range(2)]
    train_bpe(news, NEWS_VOCAB, HERE / "jy46604790")
    for folder in list(MODELS):
        if folder == "cardiffnlp":
            continue
        settings = base | {"mask_token": {"__type": "AddedToken", **mask}}
        if folder != "svalabs":
            settings["model_max_length"] = 512
        if folder == "jy46604790":
            settings |= {"add_prefix_space": False, "errors": "replace"}
        settings["tokenizer_class"] = "RobertaTokenizer" if folder == "jy46604790" else "XLMRobertaTokenizer"
        (HERE / folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")
        (HERE / folder / "special_tokens_map.json").write_text(json.dumps(base | {"mask_token": mask}, indent=2) + "\n")


if __name__ == "__main__":
    chosen = sys.argv[1:] or [*MODELS]  # new tokenizers only when named: they need all five models trained again
    if "tokenizers" in chosen:
        write_tokenizers()
    for folder in MODELS:
        if folder in chosen:
            train(folder)
