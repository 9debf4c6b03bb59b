"""The faults that were found in published checkpoints, each as one small folder with one thing changed.

    python recipes.py <out>

Writes <out>/F01/ and so on, and <out>/manifest.jsonl as `folders.py` does. Numbers are those of the list
that the faults were reported in; numbers that are left out were about programs, not about folders.
"""

import json
import shutil
import sys
from pathlib import Path

import folders
import folders_tokenizer as tokenizer
import folders_weights as weights


class Plain(folders.Draw):
    """Draws nothing: the first of every choice, and never what is optional."""

    def maybe(self, probability: float) -> bool:
        return False

    def choice(self, choices):
        return choices[0]


class Recipe:
    """A folder of its own; `with` it, files are made, and weights when it ends."""

    def __init__(self, out: Path, name: str, model_type: str = "bert", described: bool = False, **facts):
        path = out / name
        path.mkdir(parents=True)
        self.folder = folders.Folder(name, path, Plain(name), model_type, described=described, small=True, **facts)
        self.folder.labels = self.folder.labels or ("LABEL_0", "LABEL_1", "LABEL_2")
        self.config, self.description = {}, {}
        tokenizer.vocabulary(self.folder)
        if described:
            self.description = json.loads((path / "tokenizer.json").read_text())

    def write(self, name: str, value: dict) -> None:
        self.folder.write_json(name, value)

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        if self.description:
            self.write("tokenizer.json", self.description)
        config = folders.clean_config(self.folder)
        if self.folder.graph:
            weights.graph(self.folder, config)
        else:
            weights.checkpoint(self.folder, config)
        self.write("config.json", config | self.config)


def recipes(out: Path) -> list[folders.Folder]:
    made = []

    def recipe(*arguments, **facts) -> Recipe:
        made.append(Recipe(out, *arguments, **facts))
        return made[-1]

    with recipe("F01", described=True) as it:
        it.description["normalizer"] = it.description["normalizer"] | {"lowercase": True}
        it.write("tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": False})
    with recipe("F03", "roberta", described=True) as it:
        it.description["pre_tokenizer"] = it.description["pre_tokenizer"] | {"add_prefix_space": False, "use_regex": True}
        it.write("tokenizer_config.json", {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": True})
    with recipe("F04") as it:
        it.write("added_tokens.json", tokenizer.known_or_next(it.folder, ["@user", "[URL]"]))
    with recipe("F05") as it:
        ids = tokenizer.known_or_next(it.folder, ["@user", "[URL]"])
        tokens = {str(id_): tokenizer.token(it.folder.draw, name) for name, id_ in ids.items()}
        it.write("tokenizer_config.json", {"added_tokens_decoder": tokens})
    with recipe("F06") as it:
        it.write("special_tokens_map.json", {"additional_special_tokens": ["[unused1]"]})
    with recipe("F08") as it:
        it.write("tokenizer_config.json", {"model_max_length": 32, "truncation_side": "left"})
    with recipe("F09") as it:
        japanese = {"word_tokenizer_type": "mecab", "subword_tokenizer_type": "wordpiece", "mecab_kwargs": {"mecab_dic": "unidic_lite"}}
        it.write("tokenizer_config.json", {"tokenizer_class": "BertJapaneseTokenizer"} | japanese)
    with recipe("F10", described=True) as it:
        it.description["post_processor"] = None
        it.write("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})
    with recipe("F11", "roberta", described=True) as it:
        it.description["model"]["dropout"] = 0.5
    with recipe("F12", labels=("0", "1")) as it:
        it.config = {"id2label": {"0": 0, "1": 1}, "label2id": {"0": 0, "1": 1}}
    with recipe("F14", graph="model.onnx") as it:
        it.folder.fixed_texts = 1
    with recipe("F15", "electra", described=True, graph="model.onnx", positions=32):
        pass
    with recipe("F16", "mpnet", described=True, graph="onnx/model.onnx") as it:
        weights.original(it.folder)
    with recipe("F17", graph="onnx/model_quantized.onnx"):
        pass
    for name, pooling in (("F18", ""), ("F18-mean", "mean")):
        with recipe(name, pooling="mean") as it:
            it.folder.pooling = "mean"
        it.folder.pooling = pooling
    with recipe("F19") as it:
        it.config = {"architectures": ["BertForMultiLabelClassification"], "problem_type": "multi_label_classification"}
    with recipe("F21", "roberta") as it:
        (it.folder.path / "vocab.json").unlink()
        (it.folder.path / "merges.txt").rename(it.folder.path / "bpe.codes")
        (it.folder.path / "vocab.txt").write_text("".join(f"{word} 1\n" for word in tokenizer.WORDS))
        it.write("tokenizer_config.json", {"tokenizer_class": "BertweetTokenizer"})
    with recipe("F23") as it:
        it.folder.pickled_shards = 2
    with recipe("F24", graph="onnx/model.onnx") as it:
        it.folder.is_external = True
    return [it.folder for it in made]


def main() -> None:
    out = Path(sys.argv[1])
    shutil.rmtree(out, ignore_errors=True)
    folders.write_manifest(out, [folders.line(folder) for folder in recipes(out)])


if __name__ == "__main__":
    main()
