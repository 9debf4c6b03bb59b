"""What sentence-transformers answers for an encoder's folder: the expected values of `sentences.mjs`.

    python sentences.py <model folder> <work folder> [--texts 1000]

Writes <work>/texts.jsonl and <work>/expected.jsonl, a line with the `vector` of each text: of the text by itself,
without a prompt, in single precision on the CPU.
"""

import argparse
import json
from pathlib import Path

from sentence_transformers import SentenceTransformer

from tiny_tokenizers import LINES

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
# Questions and passages are what encoders are for; the others are hostile, or made by a machine.
SHARES = {
    "qa/xquad_questions": 0.3,
    "qa/xquad_passages": 0.25,
    "qa/covid_faq_en": 0.1,
    "texts/bench_mix": 0.15,
    "texts/edge_blns": 0.1,
    "texts/k6_payloads": 0.1,
}
# Nothing, blanks alone, blanks at the ends, and texts longer than any encoder reads.
EXTRA = ["", " ", "\t\n", " a text \n", "\u0000", "word " * 2000, "a" * 5000, "今天天气很好" * 500, " ".join(LINES) * 5]
# Where an object has its text.
FIELDS = ("text", "question")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--texts", type=int, default=1000)
    options = parser.parse_args()
    texts = choose(options.texts)
    options.work.mkdir(parents=True, exist_ok=True)
    write_jsonl(options.work / "texts.jsonl", texts)
    model = SentenceTransformer(str(options.model), device="cpu", local_files_only=True).float()
    vectors = model.encode(texts, prompt="", batch_size=8).tolist()
    write_jsonl(options.work / "expected.jsonl", [{"vector": vector} for vector in vectors])


def choose(count: int) -> list[str]:
    """Texts spread evenly over the shared files, or the lines of the tiny tokenizers without them; EXTRA."""
    count -= len(EXTRA)
    chosen = []
    for name, share in SHARES.items():
        path = DATA / f"{name}.jsonl"
        if path.exists():
            # Not splitlines(): it also splits at control characters, which the texts hold.
            rows = [json.loads(line) for line in path.read_text().split("\n") if line]
            wanted = round(count * share)
            chosen += [text_of(rows[index * len(rows) // wanted]) for index in range(wanted)]
    return (chosen or LINES) + EXTRA


def text_of(row: str | dict) -> str:
    return row if isinstance(row, str) else next(row[field] for field in FIELDS if field in row)


def write_jsonl(path: Path, rows: list) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


if __name__ == "__main__":
    main()
