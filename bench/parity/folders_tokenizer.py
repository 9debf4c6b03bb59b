"""The tokenizer's files of a random folder: see `folders.py`.

First a tokenizer.json or a bare vocabulary, then the files that override or complete it. `folder.ids` has
the tokens that are known so far, so that later files can mention them, rightly or not.
"""

import json
import os
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from tempfile import NamedTemporaryFile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from tiny_tokenizers import NORMALIZATION

WORDS = (
    "hello world this is a test of the café Café cafe naïve NAÏVE HELLO Hello World über Über uber ##s ##ing ##é "
    "h e l o w r d t i s 日 本 語 日本 東京 大学 @ user url ! ? . , ' - _ 1 2 12 <mask> mask < > / ｍask un ##known x ##x "
    "[unused1] [unused2] foo bar ##bar"
).split()
LINES = [
    "hello world this is a test", "café naïve über Über Café", "日本語 東京大学", "HELLO Hello World",
    "foo bar mask user URL url", "i'll don't 12 1 2", "the quick brown fox",
]  # fmt: skip
EXTRA = ["@user", "[URL]", "<extra>", "MY_TOKEN"]
BRACKETS = {"unk": "[UNK]", "pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ANGLES = {"unk": "<unk>", "pad": "<pad>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
NAMES = {"bert": BRACKETS, "mpnet": ANGLES | {"unk": "[UNK]"}, "roberta": ANGLES, "xlm-roberta": ANGLES}
CLASSES = {
    "bert": "BertTokenizer", "distilbert": "DistilBertTokenizer", "electra": "ElectraTokenizer",
    "mpnet": "MPNetTokenizer", "roberta": "RobertaTokenizer", "xlm-roberta": "XLMRobertaTokenizer",
}  # fmt: skip
OTHER_CLASSES = ["BertJapaneseTokenizer", "BertweetTokenizer", "KoBERTTokenizer", "TokenizersBackend", "MyTokenizer"]
# Settings that change no id, and some that nobody knows.
HARMLESS = {
    "clean_up_tokenization_spaces": True, "padding_side": "left", "name_or_path": "x/y", "do_basic_tokenize": False,
    "model_input_names": ["input_ids", "attention_mask"], "never_split": ["hello"], "trim_offsets": False,
    "errors": "ignore", "backend": "tokenizers", "is_local": True, "max_length": 12, "init_inputs": [],
}  # fmt: skip
# Old versions wrote where a file was, which is more than a remark: transformers reads that file.
PATHS = {"tokenizer_file": None, "vocab_file": None, "merges_file": None, "special_tokens_map_file": "/somewhere/x.json"}
UNKNOWN = {"word_tokenizer_type": "basic", "remove_accents": True, "fancy_setting": 1}
UNLIMITED = 1000000000000000019884624838656


def vocabulary(folder) -> None:
    """tokenizer.json, or the files of a bare vocabulary that the model type has; seldom both."""
    if folder.described:
        tokenizer_json(folder)
    if folder.described and (folder.family == "xlm-roberta" or folder.draw.maybe(0.6)):
        return
    ids, folder.ids = folder.ids, {}
    if folder.family == "roberta":
        vocab_json_and_merges_txt(folder)
    elif folder.family == "xlm-roberta":
        sentencepiece_bpe_model(folder)
    else:
        vocab_txt(folder)
    folder.ids |= ids


def tokenizer_json(folder) -> None:
    draw = folder.draw
    build = {"roberta": byte_level, "xlm-roberta": unigram}.get(folder.family, word_piece)
    tokenizer = build(folder)
    special = list(NAMES[folder.family].values())
    post_processor(draw, tokenizer, *(NAMES[folder.family][role] for role in ("cls", "sep")))
    if draw.maybe(0.85):
        known = [name for name in special if draw.maybe(0.95)]
        tokenizer.add_special_tokens(
            [AddedToken(**token(draw, name), special=True) if draw.maybe(0.25) else name for name in known]
        )
    if draw.maybe(0.3):
        tokenizer.add_tokens([AddedToken(**token(draw, name)) for name in draw.sample([*EXTRA, "hello"], 2)])
    if draw.maybe(0.2):
        tokenizer.enable_truncation(max_length=draw.choice([6, 20]), direction=draw.choice(["left", "right"]))
    if draw.maybe(0.2):
        tokenizer.enable_padding(pad_token=NAMES[folder.family]["pad"], length=draw.choice([None, 8]))
    description = json.loads(tokenizer.to_str())
    if description["model"]["type"] == "BPE" and draw.maybe(0.15):
        description["model"]["dropout"] = 0.5
    folder.ids = tokenizer.get_vocab()
    folder.write_json("tokenizer.json", description)


def word_piece(folder) -> Tokenizer:
    draw = folder.draw
    words = word_piece_words(folder)
    tokenizer = Tokenizer(models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    bert = normalizers.BertNormalizer(
        clean_text=draw.maybe(0.9),
        handle_chinese_chars=draw.maybe(0.8),
        strip_accents=draw.choice([None, None, True, False]),
        lowercase=draw.maybe(0.6),
    )
    sequence = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])
    normalizer = draw.choice([bert] * 6 + [sequence, normalizers.Lowercase(), normalizers.NFKC(), None])
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    usual = pre_tokenizers.BertPreTokenizer()
    tokenizer.pre_tokenizer = draw.choice([usual] * 4 + [pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit()])
    return tokenizer


def word_piece_words(folder) -> list[str]:
    draw = folder.draw
    special = list(NAMES[folder.family].values())
    without = special[-1] if draw.maybe(0.1) else None
    # The padding comes first, as in BERT's own vocabulary.
    ordered = [special[1], special[0], *special[2:]]
    return [word for word in dict.fromkeys(ordered + WORDS) if word != without]


def byte_level(folder) -> Tokenizer:
    draw = folder.draw
    ids, merges = byte_level_vocabulary()
    tokenizer = Tokenizer(models.BPE(ids, merges))
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=draw.maybe(0.5), use_regex=draw.maybe(0.9))
    digits = pre_tokenizers.Sequence([pre_tokenizers.Digits(), pre_tokenizers.ByteLevel(add_prefix_space=draw.maybe(0.5))])
    tokenizer.pre_tokenizer = draw.choice([bytes_] * 5 + [digits])
    if draw.maybe(0.1):
        tokenizer.normalizer = normalizers.Lowercase()
    return tokenizer


@cache
def byte_level_vocabulary() -> tuple[dict, list]:
    """Ids and merges that make the words of LINES; not trained, which breaks ties differently on every run."""
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens = ["<s>", "<pad>", "</s>", "<unk>", *sorted(splitter.alphabet())]
    merges = []
    for word in dict.fromkeys(piece for line in LINES for piece, _ in splitter.pre_tokenize_str(line)):
        whole = word[0]
        for character in word[1:]:
            merges.append((whole, character))
            whole += character
            tokens.append(whole)
    tokens.append("<mask>")
    return {token: index for index, token in enumerate(dict.fromkeys(tokens))}, list(dict.fromkeys(merges))


def unigram(folder) -> Tokenizer:
    draw = folder.draw
    characters = list("▁helowrdtisacfénïüu日本語東京大学HELOWM12xyz!?.,'<>/[]@URLmask_-")
    words = ["▁hello", "▁world", "▁", "▁this", "▁is", "▁a", "▁test", "ello", "▁café", "▁日本", "mask", "▁<"]
    pieces = dict.fromkeys(["<s>", "<pad>", "</s>", "<unk>"], 0.0)
    pieces |= {piece: -index / 10 for index, piece in enumerate(dict.fromkeys(characters + words))}
    pieces["<mask>"] = 0.0
    tokenizer = Tokenizer(models.Unigram(list(pieces.items()), unk_id=3))
    blanks = normalizers.Replace(Regex(" {2,}"), " ")
    trimmed = normalizers.Sequence([normalizers.Strip(left=False), normalizers.Replace(Regex(" {2,}"), "▁")])
    folded = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    choices = [None, blanks, trimmed, folded, normalizers.NFKC(), normalizers.Precompiled(rules()), normalizers.Precompiled(rules())]
    normalizer = draw.choice(choices)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    blank = pre_tokenizers.Metaspace(prepend_scheme=draw.choice(["always", "always", "never", "first"]))
    tokenizer.pre_tokenizer = draw.choice([blank, pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), blank])])
    return tokenizer


@cache
def rules() -> bytes:
    """The few rules of `tiny_tokenizers.py` as SentencePiece compiles them."""
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(trained(90, (), (), "rules"))
    return model.normalizer_spec.precompiled_charsmap


def post_processor(draw, tokenizer: Tokenizer, cls: str, sep: str) -> None:
    """What surrounds a text: the usual two tokens, the first alone, or nothing."""
    special = [(name, tokenizer.token_to_id(name) or 0) for name in (cls, sep)]
    pair = f"{cls} $A {sep} $B {sep}"
    template = processors.TemplateProcessing(single=f"{cls} $A {sep}", pair=pair, special_tokens=special)
    first = processors.TemplateProcessing(single=f"{cls} $A", pair=f"{cls} $A $B", special_tokens=special[:1])
    bert = processors.BertProcessing(special[1], special[0])
    flags = {"trim_offsets": draw.maybe(0.5), "add_prefix_space": draw.maybe(0.5)}
    roberta = processors.RobertaProcessing(special[1], special[0], **flags)
    chosen = draw.choice([template, template, template, bert, roberta, first, None])
    if chosen is not None:
        tokenizer.post_processor = chosen


def vocab_txt(folder) -> None:
    words = word_piece_words(folder)
    (folder.path / "vocab.txt").write_text("\n".join(words) + ("\n" if folder.draw.maybe(0.7) else ""))
    folder.ids = {word: index for index, word in enumerate(words)}


def vocab_json_and_merges_txt(folder) -> None:
    ids, merges = byte_level_vocabulary()
    folder.write_json("vocab.json", ids)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder.path / "merges.txt").write_text("".join(f"{line}\n" for line in lines))
    folder.ids = dict(ids)


def sentencepiece_bpe_model(folder) -> None:
    """Ids are those of fairseq: four of its own, then the pieces from the fourth on shifted by one, `<mask>` last."""
    draw = folder.draw
    # The complete rules of XLM-RoBERTa are 240 KB: too much for what is committed.
    large = ["rules"] if folder.small else ["nmt_nfkc", "nmt_nfkc", "nfkc", "nmt_nfkc_cf"]
    symbols = ("<sep>", "@user") if draw.maybe(0.3) else ()
    controls = ("<extra>",) if draw.maybe(0.3) else ()
    model = trained(draw.choice([90, 120]), symbols, controls, draw.choice(["identity", "rules", *large]))
    (folder.path / "sentencepiece.bpe.model").write_bytes(model)
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
    names = ["<s>", "<pad>", "</s>", "<unk>", *(pieces.id_to_piece(index) for index in range(3, len(pieces))), "<mask>"]
    folder.ids = {name: index for index, name in enumerate(names)}


@cache
def trained(size: int, symbols: tuple, controls: tuple, normalization: str) -> bytes:
    """A SentencePiece model of LINES."""
    model = BytesIO()
    with NamedTemporaryFile("w", suffix=".tsv") as file:
        file.write("".join(f"{source}\t{target}\n" for source, target in NORMALIZATION.items()))
        file.flush()
        rules = {"normalization_rule_tsv": file.name} if normalization == "rules" else {"normalization_rule_name": normalization}
        with silent():
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(LINES * 20),
                model_writer=model,
                vocab_size=size,
                hard_vocab_limit=False,
                user_defined_symbols=list(symbols),
                control_symbols=list(controls),
                num_threads=1,
                minloglevel=2,
                **rules,
            )
        # The name of a temporary file differs on every run; the length stays, since the format counts bytes.
        return model.getvalue().replace(file.name.encode(), b"." * len(file.name))


@contextmanager
def silent():
    """The trainer reports its progress past `sys.stderr`."""
    saved, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nothing)


def tokenizer_config_json(folder) -> None:
    draw = folder.draw
    config = {}
    own = CLASSES[folder.model_type]
    if folder.described and draw.maybe(0.2):
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    elif draw.maybe(0.7):
        config["tokenizer_class"] = own + ("Fast" if draw.maybe(0.4) else "")
    elif draw.maybe(0.1):
        config["tokenizer_class"] = draw.choice(OTHER_CLASSES)
    if folder.family in ("bert", "mpnet"):
        for name, probability in (("do_lower_case", 0.5), ("tokenize_chinese_chars", 0.3)):
            if draw.maybe(probability):
                config[name] = draw.maybe(0.5)
        if draw.maybe(0.3):
            config["strip_accents"] = draw.choice([None, True, False])
    if draw.maybe(0.3):
        config["add_prefix_space"] = draw.maybe(0.5)
    if draw.maybe(0.6):
        config |= roles(folder, typed=True)
    if draw.maybe(0.25):
        names = draw.sample(["[unused1]", *EXTRA], 2)
        key = draw.choice(["additional_special_tokens"] * 5 + ["extra_special_tokens"])
        config[key] = [mentioned(draw, name, typed=True) for name in names]
    if draw.maybe(0.25):
        config["added_tokens_decoder"] = added_tokens_decoder(folder)
    if draw.maybe(0.3):
        config[draw.choice(["model_max_length", "model_max_length", "max_len"])] = draw.choice([16, 32, 24, UNLIMITED] * 3 + [24.0])
    if draw.maybe(0.2):
        config["truncation_side"] = draw.choice(["left", "right"])
    if draw.maybe(0.1):
        config["split_special_tokens"] = draw.maybe(0.5)
    config |= {name: value for name, value in HARMLESS.items() if draw.maybe(0.1)}
    config |= {name: value for name, value in UNKNOWN.items() if draw.maybe(0.01)}
    config |= {name: value for name, value in PATHS.items() if draw.maybe(0.01)}
    if config or draw.maybe(0.5):
        folder.write_json("tokenizer_config.json", config)


def special_tokens_map_json(folder) -> None:
    draw = folder.draw
    if draw.maybe(0.4):
        names = roles(folder, typed=False)
        if draw.maybe(0.3):
            names["additional_special_tokens"] = [
                mentioned(draw, name, typed=False) for name in draw.sample(["[unused1]", "<extra>", "[URL]"], 2)
            ]
        folder.write_json("special_tokens_map.json", names)


def added_tokens_json(folder) -> None:
    draw = folder.draw
    if draw.maybe(0.25):
        names = draw.sample(EXTRA, draw.randint(1, 3))
        folder.write_json("added_tokens.json", known_or_next(folder, names))


def added_tokens_decoder(folder) -> dict:
    draw = folder.draw
    names = [*EXTRA, "hello", "[unused1]", *NAMES[folder.family].values()]
    ids = known_or_next(folder, draw.sample(names, draw.randint(1, 4)))
    return {str(id_): token(draw, name) | {"special": draw.maybe(0.6)} for name, id_ in ids.items()}


def known_or_next(folder, names: list[str]) -> dict[str, int]:
    """The ids that the names have, or the next free ones, in order."""
    free = iter(range(folder.size, folder.size + len(names)))
    return {name: folder.ids[name] if name in folder.ids else next(free) for name in names}


def roles(folder, typed: bool) -> dict:
    """Some of the special tokens, seldom another than the usual one."""
    draw = folder.draw
    usual = {f"{role}_token": name for role, name in NAMES[folder.family].items()}
    if folder.family != "bert":
        usual |= {"bos_token": "<s>", "eos_token": "</s>"}
    some = {role: name for role, name in usual.items() if draw.maybe(0.6)}
    others = {role: draw.choice(["hello", "[unused1]", "<new>", "foo"]) for role in some if draw.maybe(0.04)}
    return {role: mentioned(draw, name, typed) for role, name in (some | others).items()}


def mentioned(draw, name: str, typed: bool):
    """A token as a file gives it: its content, or all of it."""
    if draw.maybe(0.6):
        return name
    return token(draw, name) | ({"__type": "AddedToken"} if typed else {})


def token(draw, content: str) -> dict:
    chances = {"lstrip": 0.3, "rstrip": 0.2, "normalized": 0.3, "single_word": 0.15}
    return {"content": content} | {flag: draw.maybe(chance) for flag, chance in chances.items()}
