"""Measures the five models: held-out corpus rows, smoke.tsv, and the real texts of ../shared/data where present."""
import collections
import csv
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification

import train
from corpus import LANGUAGES

HERE = Path(__file__).parent
MIX = HERE.parents[2] / "shared" / "data" / "texts" / "bench_mix.jsonl"  # ../shared/data, optional
CODES = dict(
    ara="Arabic", arb="Arabic", ar="Arabic", eus="Basque", bre="Breton", cat="Catalan", cmn="Chinese_China",
    yue="Chinese_Hongkong", ces="Czech", div="Dhivehi", nld="Dutch", eng="English", en="English", epo="Esperanto",
    est="Estonian", fra="French", fr="French", fry="Frisian", kat="Georgian", deu="German", de="German", ell="Greek",
    ind="Indonesian", ina="Interlingua", ita="Italian", it="Italian", jpn="Japanese", kab="Kabyle", kin="Kinyarwanda",
    kir="Kyrgyz", lav="Latvian", lvs="Latvian", mlt="Maltese", mon="Mangolian", fas="Persian", pes="Persian",
    pol="Polish", por="Portuguese", pt="Portuguese", ron="Romanian", rus="Russian", slv="Slovenian", spa="Spanish",
    es="Spanish", swe="Swedish", tam="Tamil", tat="Tatar", tur="Turkish", ukr="Ukranian", cym="Welsh")
CODES |= {"zho-CN": "Chinese_China", "zho-TW": "Chinese_Taiwan", "por-BR": "Portuguese", "spa-MX": "Spanish",
          "fra-CA": "French", "eng-GB": "English", "eng-US": "English", "eng-IN": "English"}


def predict(folder, texts):
    model = AutoModelForSequenceClassification.from_pretrained(HERE / folder, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(HERE / folder / "tokenizer.json"))
    order, out = sorted(range(len(texts)), key=lambda i: len(texts[i])), [None] * len(texts)
    for start in range(0, len(order), 64):
        part = order[start:start + 64]
        ids = train.encode(tokenizer, [texts[i] for i in part])
        with torch.no_grad():
            best = model(input_ids=ids, attention_mask=(ids != 1).long()).logits.argmax(-1).tolist()
        for i, b in zip(part, best):
            out[i] = train.MODELS[folder][1][b]
    return out


def share(pairs):
    pairs = list(pairs)
    return f"{100 * sum(a == b for a, b in pairs) / max(1, len(pairs)):.1f} % of {len(pairs)}"


def main():
    for folder in train.MODELS:
        rows = train.Source(folder).held_out()
        labels = train.MODELS[folder][1]
        print(f"{folder}: held out {share(zip(predict(folder, [t for t, _ in rows]), [labels[l] for _, l in rows]))}")
    smoke = list(csv.DictReader((HERE / "smoke.tsv").open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE))
    for folder in train.MODELS:
        rows = [r for r in smoke if r[folder]]
        got = predict(folder, [r["text"] for r in rows])
        print(f"{folder}: smoke {share((g.lower(), r[folder].lower()) for g, r in zip(got, rows))}")
        for g, r in zip(got, rows):
            if g.lower() != r[folder].lower():
                print("   ", g, "instead of", r[folder], "|", r["text"])
    if not MIX.exists():
        return
    mix = [json.loads(line) for line in MIX.open(encoding="utf-8")]
    rows = [r for r in mix if r["lang"] in CODES]
    got = predict("ivanlau", [r["text"] for r in rows])
    groups, wrong = collections.defaultdict(list), collections.Counter()
    for r, g in zip(rows, got):
        pair = (g, CODES[r["lang"]])
        source = r["source"].split("(")[0].split("/")[0] + (" articles" if "/doc/" in r["source"] else "")
        for key in ("all", f"source {source}", f"language {pair[1]}"):
            groups[key].append(pair)
        if pair[0] != pair[1]:
            wrong[(pair[1], g)] += 1
    for key in sorted(groups):
        print(f"ivanlau real {key}: {share(groups[key])}")
    print(f"macro over {sum(k.startswith('language') for k in groups)} languages:", round(100 * sum(
        sum(a == b for a, b in v) / len(v) for k, v in groups.items() if k.startswith("language")) / sum(
        k.startswith("language") for k in groups), 1))
    print("most frequent mistakes", wrong.most_common(12))
    for folder in list(train.MODELS)[1:]:
        for source in ("UCI", "t-davidson", "xlm-t", "NTREX-128/doc", "NTREX-128"):
            texts = [r["text"] for r in mix if r["source"].startswith(source) and (folder != "jy46604790" or r["lang"] in ("en", "eng"))]
            print(folder, source, dict(collections.Counter(predict(folder, texts))) if texts else "")


if __name__ == "__main__":
    main()
