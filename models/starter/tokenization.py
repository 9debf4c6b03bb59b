"""Owns the tokenizers: trains them, writes them in the hub's formats, encodes texts for training."""

import base64
import io
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer, Encoding, Tokenizer

import augmentation
from specification import LONGEST, NEWS_PIECES, PIECES, SEED, WORD_PIECES

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
BOS, PAD, EOS, UNK = range(4)
BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def train_unigram(texts: Iterable[str]) -> dict:
    """Trains the pieces that four models share; returns the content of tokenizer.json."""
    texts = list(texts)
    letters = {c for text in texts for c in text if c > "\u2e80"}  # every CJK character of the corpus
    faces = {c for face in augmentation.HAPPY + augmentation.SAD + augmentation.PLAIN for c in face}
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, model_type="unigram",
        vocab_size=PIECES - 1, character_coverage=1.0, normalization_rule_name="nmt_nfkc",
        bos_id=BOS, pad_id=PAD, eos_id=EOS, unk_id=UNK, bos_piece="<s>", pad_piece="<pad>",
        eos_piece="</s>", unk_piece="<unk>", hard_vocab_limit=False, num_threads=2,
        required_chars="".join(sorted(letters | faces)), max_sentencepiece_length=12,
        seed_sentencepiece_size=200_000, minloglevel=2,
    )  # fmt: skip
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    vocabulary = [[piece.piece, round(piece.score, 5)] for piece in proto.pieces]
    for id_ in range(4):
        vocabulary[id_][1] = 0.0
    vocabulary.append(["<mask>", 0.0])
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    return unigram_json(vocabulary, charsmap)


def subword_model(content: dict) -> bytes:
    """The pieces of a tokenizer.json as sentencepiece reads them, which can cut a text in many ways."""
    proto = sentencepiece_model_pb2.ModelProto()
    proto.trainer_spec.model_type = proto.trainer_spec.UNIGRAM
    proto.trainer_spec.bos_id, proto.trainer_spec.pad_id = BOS, PAD
    proto.trainer_spec.eos_id, proto.trainer_spec.unk_id = EOS, UNK
    proto.trainer_spec.pad_piece = SPECIAL[PAD]
    proto.normalizer_spec.name = "nmt_nfkc"
    proto.normalizer_spec.precompiled_charsmap = base64.b64decode(content["normalizer"]["precompiled_charsmap"])
    for id_, (text, score) in enumerate(content["model"]["vocab"][:-1]):  # all but <mask>
        piece = proto.pieces.add(piece=text, score=score)
        if id_ in (BOS, PAD, EOS):
            piece.type = piece.CONTROL
        elif id_ == UNK:
            piece.type = piece.UNKNOWN
    return proto.SerializeToString()


def added(id_: int, content: str, normalized: bool, lstrip: bool = False) -> dict:
    return {
        "id": id_, "content": content, "single_word": False, "lstrip": lstrip, "rstrip": False,
        "normalized": normalized, "special": True,
    }  # fmt: skip


def unigram_json(vocabulary: list, charsmap: str) -> dict:
    def template(*parts: str) -> list[dict]:
        return [
            {"Sequence" if part in "AB" else "SpecialToken": {"id": part, "type_id": 0}}
            for part in parts
        ]

    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    special = {name: {"id": name, "ids": [SPECIAL.index(name)], "tokens": [name]} for name in ("<s>", "</s>")}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(id_, name, False) for id_, name in enumerate(SPECIAL)]
        + [added(len(vocabulary) - 1, "<mask>", False, lstrip=True)],
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
        "pre_tokenizer": {
            "type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace],
        },
        "post_processor": {
            "type": "TemplateProcessing", "single": template("<s>", "A", "</s>"),
            "pair": template("<s>", "A", "</s>", "</s>", "B", "</s>"), "special_tokens": special,
        },
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": UNK, "vocab": vocabulary, "byte_fallback": False},
    }  # fmt: skip


def write_bytelevel(texts: Iterable[str], folder: Path) -> None:
    """Trains a byte-level BPE of RoBERTa's shape: vocab.json, merges.txt and tokenizer.json."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        texts, vocab_size=NEWS_PIECES - 1, min_frequency=2, show_progress=False,
        special_tokens=list(SPECIAL),
    )  # fmt: skip
    tokenizer.save_model(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    vocabulary["<mask>"] = len(vocabulary)
    write_json(folder / "vocab.json", vocabulary, indent=None)
    lines = (folder / "merges.txt").read_text("utf-8").splitlines()
    split = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    content = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [added(id_, name, True) for id_, name in enumerate(SPECIAL)]
        + [added(vocabulary["<mask>"], "<mask>", True, lstrip=True)],
        "normalizer": None, "pre_tokenizer": split,
        "post_processor": {
            "type": "RobertaProcessing", "sep": ["</s>", EOS], "cls": ["<s>", BOS],
            "trim_offsets": True, "add_prefix_space": False,
        },
        "decoder": split | {"add_prefix_space": True},
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False,
            "vocab": vocabulary, "merges": [line for line in lines[1:] if line],
        },
    }  # fmt: skip
    write_json(folder / "tokenizer.json", content, indent=None)


def write_wordpiece(texts: Iterable[str], folder: Path) -> None:
    """Trains an uncased WordPiece of BERT's shape: vocab.txt and tokenizer.json."""
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(
        texts, vocab_size=WORD_PIECES, min_frequency=2, show_progress=False,
        special_tokens=list(BERT_SPECIAL),
    )  # fmt: skip
    tokenizer.save_model(str(folder))
    # Built anew: a trained one has not yet what stands around a text.
    BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True).save(str(folder / "tokenizer.json"), pretty=False)


def write_json(path: Path, content: dict, indent: int | None = 2) -> None:
    separators = None if indent else (",", ":")
    path.write_text(json.dumps(content, ensure_ascii=False, indent=indent, separators=separators) + "\n", "utf-8")


class Encoder:
    """Texts to ids, cut into pieces anew each time: little corpora are remembered otherwise."""

    def __init__(self, folder: Path, seed: int = SEED):
        self.plain = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.size = self.plain.get_vocab_size()
        self.rng = random.Random(seed)
        self.share = 0.6  # of the texts that are cut in a random way
        self.subwords = None
        content = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        self.kind = content["model"]["type"]
        self.pad, self.unknown, self.last = PAD, UNK, UNK  # of the special ids
        if self.kind == "Unigram":
            sentencepiece.set_random_generator_seed(seed)
            self.subwords = sentencepiece.SentencePieceProcessor(model_proto=subword_model(content))
        elif self.kind == "WordPiece":
            self.pieces = content["model"]["vocab"]
            self.pad, self.unknown, self.last = 0, 1, len(BERT_SPECIAL) - 1

    def exact(self, texts: list[str], longest: int = 512) -> list[list[int]]:
        return [clip(encoding.ids, longest) for encoding in self.plain.encode_batch(texts)]

    def sampled(self, texts: list[str]) -> Iterator[list[int]]:
        for text in texts:
            if self.subwords and self.rng.random() < self.share:
                pieces = self.subwords.encode(text, enable_sampling=True, alpha=0.3, nbest_size=-1)
                yield clip([BOS, *pieces, EOS], LONGEST)
            elif self.kind == "WordPiece" and self.rng.random() < self.share:
                yield clip(self.shorter(self.plain.encode(text)), LONGEST)
            else:
                yield clip(self.plain.encode(text).ids, LONGEST)

    def shorter(self, encoding: Encoding, skip: float = 0.12) -> list[int]:
        """Some pieces of a WordPiece cut anew, as if their longest match were not in the vocabulary."""
        ids = []
        for id_, piece in zip(encoding.ids, encoding.tokens):
            if id_ <= self.last or len(piece) < 4 or self.rng.random() >= skip:
                ids.append(id_)
            else:
                ids += self.cut(piece, self.rng.randint(1, len(piece) - 1)) or [id_]
        return ids

    def cut(self, piece: str, at: int) -> list[int] | None:
        """The ids of the longest first part of at most `at` characters and of what is left."""
        prefix = "##" if piece.startswith("##") else ""
        while at > len(prefix):
            rest = "##" + piece[at:]
            if piece[:at] in self.pieces and rest in self.pieces:
                return [self.pieces[piece[:at]], self.pieces[rest]]
            at -= 1
        return None


def clip(ids: list[int], longest: int) -> list[int]:
    return ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]
