"""Trains the two tokenizers and writes them in the shapes of the hub."""
import base64
import json
import tempfile
from pathlib import Path

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import ByteLevelBPETokenizer


def special(i, content, **kw):
    return {"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True, **kw}


def train_unigram(texts, size, required, path):
    """An XLM-R-shaped tokenizer.json: <s> <pad> </s> <unk> pieces... <mask>."""
    with tempfile.TemporaryDirectory() as tmp:
        text_file = Path(tmp) / "text.txt"
        text_file.write_text("\n".join(texts), "utf-8")
        spm.SentencePieceTrainer.train(
            input=str(text_file), model_prefix=f"{tmp}/m", model_type="unigram", vocab_size=size - 2,
            character_coverage=0.9995, required_chars=required, normalization_rule_name="nmt_nfkc",
            shuffle_input_sentence=False, num_threads=2, max_sentencepiece_length=12, minloglevel=2)
        model = proto.ModelProto.FromString(Path(f"{tmp}/m.model").read_bytes())
    vocab = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]]
    vocab += [[p.piece, round(p.score, 4)] for p in model.pieces if p.type == 1]
    vocab.append(["<mask>", 0.0])
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    wrap = lambda *seq: [{"SpecialToken": {"id": s, "type_id": 0}} if s[0] == "<" else {"Sequence": {"id": s, "type_id": 0}}
                         for s in seq]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [special(0, "<s>"), special(1, "<pad>"), special(2, "</s>"), special(3, "<unk>"),
                         special(len(vocab) - 1, "<mask>", lstrip=True)],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap":
                       base64.b64encode(model.normalizer_spec.precompiled_charsmap).decode()},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace]},
        "post_processor": {"type": "TemplateProcessing", "single": wrap("<s>", "A", "</s>"),
                           "pair": wrap("<s>", "A", "</s>", "</s>", "B", "</s>"),
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]},
                                              "</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}},
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocab, "byte_fallback": False},
    }
    Path(path).write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")), "utf-8")


def train_bpe(texts, size, folder):
    """A RoBERTa-shaped byte-level BPE: vocab.json, merges.txt and tokenizer.json."""
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(texts, vocab_size=size - 1, min_frequency=1, show_progress=False,
                            special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
    bpe.add_special_tokens(["<mask>"])
    with tempfile.TemporaryDirectory() as tmp:
        bpe.save_model(tmp)
        vocab = json.loads((Path(tmp) / "vocab.json").read_text("utf-8"))
        merges = [m.split(" ") for m in (Path(tmp) / "merges.txt").read_text("utf-8").splitlines()[1:]]
        merges_text = (Path(tmp) / "merges.txt").read_text("utf-8")
    vocab["<mask>"] = len(vocab)
    folder = Path(folder)
    dump = lambda o: json.dumps(o, ensure_ascii=False, separators=(",", ":"))
    (folder / "vocab.json").write_text(dump(vocab), "utf-8")
    (folder / "merges.txt").write_text(merges_text, "utf-8")
    bytelevel = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [special(i, t, normalized=True) for i, t in enumerate(["<s>", "<pad>", "</s>", "<unk>"])]
        + [special(vocab["<mask>"], "<mask>", lstrip=True, normalized=True)],
        "normalizer": None, "pre_tokenizer": bytelevel,
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True,
                           "add_prefix_space": False},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab, "merges": [" ".join(m) for m in merges]},
    }
    (folder / "tokenizer.json").write_text(dump(tokenizer), "utf-8")
