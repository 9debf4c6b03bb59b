"""The command itself: what it writes, and how it ends where it cannot."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from train import HERE

TRAIN = [("the puck and the goalie", "hockey"), ("the goalie and the ice", "hockey")]
TRAIN += [("the moon and the rocket", "space"), ("the rocket in orbit", "space")]
WRITTEN = ("text_classifier.onnx", "evaluation.json", "confusion.png")
OPTIONS = dict(zip(WRITTEN, ("model", "evaluation", "picture")))
SAME = ("--evaluation", "a.json", "--picture", "a.json")


class Train(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        lines = [json.dumps({"text": text, "label": label}) for text, label in TRAIN]
        (self.folder / "train.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
        (self.folder / "test.csv").write_text(
            'text,label\n"a goalie, on ice",hockey\na rocket,space\nthe goalie,space\n'
        )

    def run_train(self, *options: str, **environment: str) -> subprocess.CompletedProcess:
        command = [sys.executable, HERE / "train.py", *options]
        environment = {**os.environ, **environment}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def test_the_same_command_writes_the_same_bytes(self) -> None:
        written = []
        for _ in range(2):
            run = self.run_train("--train", "train.jsonl.gz", "--test", "test.csv", "--pipeline", "predecessor")
            self.assertEqual(run.returncode, 0, run.stderr)
            written.append([(self.folder / name).read_bytes() for name in WRITTEN])
        self.assertEqual(*written)
        report = json.loads(written[0][1])
        self.assertEqual(report["confusion"], {"labels": ["hockey", "space"], "matrix": [[1, 0], [1, 1]]})
        self.assertEqual(report["micro"]["f1"], 0.666667)
        self.assertEqual(report["classes"]["space"], {"precision": 1, "recall": 0.5, "f1": 0.666667, "support": 2})
        self.assertEqual(report["model"]["bytes"], len(written[0][0]))

    def test_the_bytes_depend_on_no_number_of_threads(self) -> None:
        options = [option for name in WRITTEN for option in (f"--{OPTIONS[name]}", name)]
        written = []
        for threads in ("1", "2"):
            run = self.run_train(*options, OPENBLAS_NUM_THREADS=threads)
            self.assertEqual(run.returncode, 0, run.stderr)
            written.append((self.folder / WRITTEN[0]).read_bytes())
        self.assertEqual(*written)

    def test_a_fault_is_one_message_and_writes_nothing(self) -> None:
        (self.folder / "other.csv").write_text("text,label\na puck,hockey\n")
        faults = {
            "other.csv: every row has the label": ("--train", "other.csv", "--test", "test.csv"),
            "nothing to learn": ("--train", "wordless.csv", "--test", "test.csv"),
            "go together": ("--train", "train.jsonl.gz"),
            "none is no folder": ("--train", "train.jsonl.gz", "--test", "test.csv", "--model", "none/m.onnx"),
            "--model: models is a folder": ("--train", "train.jsonl.gz", "--test", "test.csv", "--model", "models"),
            "--picture: a.json is": ("--train", "train.jsonl.gz", "--test", "test.csv", *SAME),
        }
        (self.folder / "models").mkdir()
        (self.folder / "wordless.csv").write_text("text,label\n?,hockey\n!,space\n")
        for message, options in faults.items():
            with self.subTest(message):
                run = self.run_train(*options)
                self.assertEqual(run.returncode, 2, run.stderr)
                self.assertIn(message, run.stderr)
                self.assertNotIn("Traceback", run.stderr)
                self.assertFalse(any((self.folder / name).exists() for name in WRITTEN))

    @unittest.skipUnless(Path("/dev/full").exists(), "there is no full disk here")
    def test_a_full_disk_leaves_what_was_there(self) -> None:
        (self.folder / WRITTEN[0]).write_bytes(b"earlier")
        (self.folder / f"{WRITTEN[1]}.part").symlink_to("/dev/full")
        run = self.run_train("--train", "train.jsonl.gz", "--test", "test.csv")
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn(f"cannot write {WRITTEN[1]}: No space left on device", run.stderr)
        self.assertNotIn("Traceback", run.stderr)
        self.assertEqual((self.folder / WRITTEN[0]).read_bytes(), b"earlier")
        self.assertEqual(sorted(path.name for path in self.folder.glob("*.part")), [])


if __name__ == "__main__":
    unittest.main()
