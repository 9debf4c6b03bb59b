"""What transformers answers for random folders: the expected values of `make parity`'s second half.

    python fuzz.py <folders> <out.jsonl> [<texts.json>]

Reads <folders>/manifest.jsonl (`folders.py`) and writes a line for each folder: `answers` with `scores`,
`vector` or `refused` for every one of TEXTS, or `refused` with the reason why the folder does not load;
and TEXTS themselves into <texts.json>.
Runs under either major version of transformers. Classifiers go through the text-classification pipeline,
truncated to the model's length; folders with modules as sentence-transformers does since version 5.4, which
takes no blanks off the ends of a text any more, without a prompt, by hand; a graph is run by ONNX Runtime between the same
tokenizer and the same functions.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy
import onnxruntime
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer, pipeline

from oracle import short

TEXTS = [
    "hello world",
    "Hello World",
    "HELLO  world\n",
    "café naïve Über",
    "cafe\u0301 日本語 東京大学",
    "hello @user this [URL]",
    "@userhello [URL]x",
    "hello [unused1] world",
    "a [MASK] b",
    "a <mask> b",
    "a  <mask>  b",
    "x<mask>y",
    "x[MASK]y",
    " leading and trailing ",
    "",
    " ",
    "\t\n",
    "[CLS] hello [SEP]",
    "<s> hello </s>",
    "ＨＥＬＬＯ ｗｏｒｌｄ ＜mask＞",
    "<extra> hello <extra>",
    "hello<extra>",
    "MY_TOKEN my_token",
    "hello [unknown9] ünknown",
    "i'll don't 12 1 2",
    "▁hello ▁ world",
    "foo\u0000bar \ufffd",
    "</s></s>",
    "Ⅻ ﬁ ½",
    "[PAD] [UNK] <unk> <pad>",
    "hello world this is a test " * 12,
    "ß SS ı İ",
]
# Where a tokenizer states no length, transformers has this one.
UNLIMITED = 10**20
# Rows of a graph's table of positions start behind the padding id.
ROBERTA_KIN = ("roberta", "xlm-roberta", "mpnet")


class Oracle:
    """A folder as transformers serves it; `entry` is its line of the manifest."""

    def __init__(self, folder: Path, entry: dict):
        self.folder, self.modules = folder, modules(folder)
        self.config = AutoConfig.from_pretrained(folder)
        self.tokenizer = without_dropout(AutoTokenizer.from_pretrained(folder))
        # A complete tokenizer gives token types, which DistilBERT's code does not take; all are 0.
        self.tokenizer.model_input_names = ["input_ids", "attention_mask"]
        self.pools = [Pooling(entry["pooling"])] if entry["pooling"] else self.modules
        self.max_tokens = self.length()
        if entry["graph"]:
            self.graph = Graph(folder / entry["graph"])
        elif self.pools:
            self.model = loaded(AutoModel, folder, optional="pooler.")
        else:
            model = loaded(AutoModelForSequenceClassification, folder)
            self.classify = pipeline("text-classification", model=model, tokenizer=self.tokenizer, device="cpu")
        self.is_graph = bool(entry["graph"])

    def length(self) -> int:
        """The longest input: what the folder states, as far as the table of positions goes."""
        rows = getattr(self.config, "max_position_embeddings", None) or UNLIMITED
        if self.config.model_type in ROBERTA_KIN:
            # MPNet's code has the usual padding, whatever its configuration says.
            rows -= (1 if self.config.pad_token_id is None else self.config.pad_token_id) + 1
        file = self.folder / "sentence_bert_config.json"
        stated = json.loads(file.read_text()).get("max_seq_length") if self.modules and file.exists() else None
        return min(rows, stated or self.tokenizer.model_max_length)

    def answer(self, text: str) -> dict:
        if not self.pools:
            labels, scores = self.scores_of_graph(text) if self.is_graph else self.scores(text)
            return {"scores": sorted(zip(labels, finite(scores)))}
        encoded = self.encoded(text)
        if self.is_graph:
            vectors = torch.from_numpy(self.graph.run(encoded["input_ids"]))[0, : len(encoded["input_ids"])]
        else:
            ids = torch.tensor([encoded["input_ids"]])
            vectors = self.model(input_ids=ids).last_hidden_state[0]
        for module in self.pools:
            vectors = module(vectors)
        return {"vector": finite(vectors.tolist())}

    def encoded(self, text: str) -> dict:
        length = self.max_tokens if self.max_tokens < UNLIMITED else None
        if self.is_graph and self.graph.tokens:
            length = min(self.graph.tokens, length or UNLIMITED)
        return self.tokenizer(text, truncation=length is not None, max_length=length)

    def scores(self, text: str) -> tuple:
        length = {"max_length": self.max_tokens} if self.max_tokens < UNLIMITED else {}
        ranked = self.classify([text], top_k=None, truncation=bool(length), **length)[0]
        return [str(entry["label"]) for entry in ranked], [entry["score"] for entry in ranked]

    def scores_of_graph(self, text: str) -> tuple:
        """What the pipeline makes of logits (`pipelines/text_classification.py`, `postprocess`)."""
        logits = torch.from_numpy(self.graph.run(self.encoded(text)["input_ids"]).astype(numpy.float32))[0]
        kind = self.config.problem_type
        if kind == "regression":
            scores = logits
        elif kind == "multi_label_classification" or (kind is None and self.config.num_labels == 1) or len(logits) == 1:
            scores = torch.sigmoid(logits)
        else:
            scores = torch.softmax(logits, dim=0)
        return [str(self.config.id2label[index]) for index in range(len(scores))], scores.tolist()


class Graph:
    """An ONNX file, given one text at a time."""

    def __init__(self, path: Path):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        shape = self.session.get_inputs()[0].shape
        if isinstance(shape[0], int) and shape[0] != 1:
            raise ValueError(f"the graph takes {shape[0]} texts at a time")
        self.tokens = shape[1] if isinstance(shape[1], int) else 0

    def run(self, ids: list[int]) -> numpy.ndarray:
        length = max(self.tokens, len(ids))
        rows = {
            "input_ids": ids + [0] * (length - len(ids)),
            "attention_mask": [1] * len(ids) + [0] * (length - len(ids)),
            "token_type_ids": [0] * length,
        }
        types = {"tensor(int64)": numpy.int64, "tensor(int32)": numpy.int32}
        inputs = {given.name: numpy.array([rows[given.name]], types[given.type]) for given in self.session.get_inputs()}
        return self.session.run(None, inputs)[0]


class Pooling:
    """sentence-transformers' Pooling of one text's vectors."""

    def __init__(self, mode: str):
        self.mode = mode
        if mode not in ("cls", "mean", "max"):
            raise NotImplementedError(f"the pooling {mode}")

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        if self.mode == "max":
            return vectors.max(dim=0).values
        return vectors[0] if self.mode == "cls" else vectors.mean(dim=0)


class Dense:
    """sentence-transformers' Dense with the activation that it has where it is not told another one."""

    def __init__(self, folder: Path):
        self.weights = load_file(folder / "model.safetensors")

    def __call__(self, vector: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.weights["linear.weight"] @ vector + self.weights["linear.bias"])


def normalize(vector: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(vector, dim=0)


def modules(folder: Path) -> list:
    """What a folder of sentence-transformers does with the vectors of tokens; nothing for any other folder."""
    file = folder / "modules.json"
    if not file.exists():
        return []
    file_ = folder / "sentence_bert_config.json"
    if file_.exists() and json.loads(file_.read_text()).get("do_lower_case"):
        raise NotImplementedError("sentence-transformers' own lower-casing")
    made = []
    for module in json.loads(file.read_text())[1:]:
        kind, place = module["type"].rsplit(".", 1)[1], folder / module["path"]
        if kind == "Pooling":
            made.append(Pooling(pooling_mode(json.loads((place / "config.json").read_text()))))
        else:
            made.append(Dense(place) if kind == "Dense" else normalize)
    return made


def pooling_mode(config: dict) -> str:
    if "pooling_mode" in config:
        return config["pooling_mode"]
    names = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean", "pooling_mode_max_tokens": "max"}
    return " and ".join(name for key, name in names.items() if config.get(key))


def without_dropout(tokenizer):
    """Ids are the same every time: what a tokenizer does while a model is trained is not asked for."""
    model = tokenizer.backend_tokenizer.model if tokenizer.is_fast else None
    if getattr(model, "dropout", None):
        model.dropout = None
    return tokenizer


def loaded(loader, folder: Path, optional: str = "\n"):
    """The model in single precision; one that lacks tensors would have random ones, which is no answer."""
    model, report = loader.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    missing = [name for name in report["missing_keys"] if not name.startswith(optional)]
    if missing or report["mismatched_keys"]:
        raise ValueError(f"no tensor for {missing or report['mismatched_keys']}")
    return model.eval()


def finite(numbers: list) -> list:
    if not numpy.isfinite(numbers).all():
        raise ValueError("the answer is not finite")
    return [short(number) for number in numbers]


def answers(folder: Path, entry: dict) -> dict:
    try:
        oracle = Oracle(folder, entry)
    except BaseException as error:  # Rust's panics are none of Python's usual errors.
        return {"refused": reason(error)}
    found = []
    for text in TEXTS:
        try:
            with torch.inference_mode():
                found.append(oracle.answer(text))
        except BaseException as error:
            found.append({"refused": reason(error)})
    return {"answers": found}


def reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        raise error
    return f"{type(error).__name__}: {error}"[:300]


def main() -> None:
    folders, out, *texts = map(Path, sys.argv[1:])
    for path in texts:
        path.write_text(json.dumps(TEXTS))
    transformers.logging.set_verbosity(transformers.logging.CRITICAL)
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    entries = [json.loads(line) for line in (folders / "manifest.jsonl").read_text().splitlines()]
    with out.open("w") as file:
        for entry in entries:
            line = {"folder": entry["folder"]} | answers(folders / entry["folder"], entry)
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
