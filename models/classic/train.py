"""Trains a text classifier with scikit-learn and writes it as an ONNX file that reads strings.

    python train.py                                         the model of the profile classic, from corpus/
    python train.py --train rows.csv --test other.csv       a model of your own, into this folder

Rows are `text` and `label` in .jsonl, .jsonl.gz, .csv or .csv.gz files. What is evaluated is the file that was written,
in ONNX Runtime; where that does not answer as scikit-learn does, nothing is written and the exit status is 1. A fault
of an input is told by file and line, and the exit status is 2.
"""

import argparse
import hashlib
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from corpus import read_corpus
from evaluation import AVERAGES, draw_confusion, scores
from exported import BATCH, Classifier, disagreement, export
from pipelines import PIPELINES
from rows import Row, RowsFault, read_test, read_train

HERE = Path(__file__).resolve().parent
# How many texts are timed, one at a time.
TIMED = 500


def main() -> None:
    parser, arguments = parse()
    try:
        rows, test = read_rows(arguments)
    except RowsFault as fault:
        parser.error(str(fault))
    started = time.monotonic()
    with tqdm(total=len(test), unit="text", leave=False) as progress:
        progress.set_description(f"training on {len(rows)} rows")
        texts, labels = map(list, zip(*rows))
        pipeline = PIPELINES[arguments.pipeline]()
        try:
            # The number of threads decides in which order numbers are added up, and so the last bits of the weights.
            with threadpool_limits(1):
                pipeline.fit(texts, labels)
        except ValueError as error:  # there is no word in them, or none that two of them have
            parser.error(f"nothing to learn from the training rows: {error}")
        trained = time.monotonic() - started
        progress.set_description("writing ONNX")
        model = export(pipeline)
        progress.set_description("testing")
        classifier = Classifier(model)
        test_texts, true = map(list, zip(*test))
        answers = classify(classifier, test_texts, progress)
    expected = (pipeline.predict(test_texts), pipeline.predict_proba(test_texts))
    if problem := disagreement(answers, expected):
        sys.exit(f"nothing is written, for the exported model is another: {problem}")
    content = model.SerializeToString(deterministic=True)
    report = {
        "pipeline": arguments.pipeline,
        "rows": {"train": len(rows), "test": len(test)},
        **scores(true, list(answers[0]), list(pipeline.classes_)),
        "model": describe(pipeline, content),
        "versions": versions(),
    }
    # All of it is made before any of it is written.
    evaluation = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    picture = draw_confusion(report["confusion"])
    write({arguments.model: content, arguments.evaluation: evaluation.encode(), arguments.picture: picture})
    tell(report, trained, milliseconds_of_one(classifier, test_texts))


def parse() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, nargs="+", metavar="FILE", help="rows to train on")
    parser.add_argument("--test", type=Path, metavar="FILE", help="rows to test with, none of which is trained on")
    parser.add_argument("--pipeline", choices=PIPELINES, default="default")
    parser.add_argument("--model", type=Path, metavar="FILE", help="default: text_classifier.onnx")
    parser.add_argument("--evaluation", type=Path, metavar="FILE", help="default: evaluation.json")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="default: confusion.png")
    arguments = parser.parse_args()
    if bool(arguments.train) != bool(arguments.test):
        parser.error("--train and --test go together; without both, corpus/ is trained on")
    folder = Path() if arguments.train else HERE
    names = {"model": "text_classifier.onnx", "evaluation": "evaluation.json", "picture": "confusion.png"}
    written = {}
    for option, name in names.items():
        path = getattr(arguments, option) or folder / name
        if not path.parent.is_dir():
            parser.error(f"--{option}: {path.parent} is no folder")
        if path.is_dir():
            parser.error(f"--{option}: {path} is a folder; it has to be a file, such as {path / name}")
        if other := written.get(path.resolve()):
            parser.error(f"--{option}: {path} is what --{other} names; each needs a file of its own")
        written[path.resolve()] = option
        setattr(arguments, option, path)
    return parser, arguments


def read_rows(arguments: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    """The rows to train on and to test with."""
    if not arguments.train:
        return read_corpus()
    rows = read_train(arguments.train)
    return rows, read_test(arguments.test, {row.label for row in rows})


def write(files: dict[Path, bytes]) -> None:
    """Writes all of the files or none, so that what was there is not lost to a disk that is full."""
    # A device, such as /dev/null, is written to.
    devices = [path for path in files if path.exists() and not path.is_file()]
    parts = {path: path if path in devices else path.with_name(f"{path.name}.part") for path in files}
    try:
        for path, content in files.items():
            parts[path].write_bytes(content)
        for path, part in parts.items():
            if path not in devices:
                part.replace(path)
    except OSError as error:
        for part in set(parts.values()).difference(devices):
            part.unlink(missing_ok=True)
        sys.exit(f"cannot write {path}: {error.strerror}; none of the files is written")


def classify(classifier: Classifier, texts: list[str], progress: tqdm) -> tuple[np.ndarray, np.ndarray]:
    labels, probabilities = [], []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        answers = classifier.classify(batch)
        labels.append(answers[0])
        probabilities.append(answers[1])
        progress.update(len(batch))
    return np.concatenate(labels), np.concatenate(probabilities)


def describe(pipeline: Pipeline, content: bytes) -> dict:
    return {
        "features": len(pipeline.steps[0][1].vocabulary_),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def versions() -> dict[str, str]:
    """Of what the file's bytes and the figures depend on."""
    packages = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy", "scipy")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


def milliseconds_of_one(classifier: Classifier, texts: list[str]) -> float:
    """What a text takes by itself in one thread, the mean of some."""
    timed = texts[:TIMED]
    started = time.perf_counter()
    for text in timed:
        classifier.classify([text])
    return (time.perf_counter() - started) / len(timed) * 1000


def tell(report: dict, trained: float, milliseconds: float) -> None:
    rows, model = report["rows"], report["model"]
    f1 = " / ".join(f"{report[average]['f1']:.3f}" for average in AVERAGES)
    print(f"{report['pipeline']}: {rows['train']} rows to train on, {rows['test']} to test with")
    print(f"F1 {' / '.join(AVERAGES)}: {f1}")
    print(f"model: {model['bytes'] / 1e6:.2f} MB, {model['features']} features, trained in {trained:.1f} s")
    print(f"ONNX Runtime: {milliseconds:.2f} ms for one text, one thread")


if __name__ == "__main__":
    main()
