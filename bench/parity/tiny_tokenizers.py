"""Tiny tokenizers of every kind that checkpoints are published with.

Each function writes the files of one kind, made from LINES, into a folder and nothing else: what is
missing there (no `tokenizer.json`, no `tokenizer_config.json`) is part of what a test checks.
Used by `fixtures.py`, and by `matrix.py` where the real tokenizers are not at hand.
"""

import json
from collections import Counter
from pathlib import Path

import sentencepiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

LINES = [
    "The weather is lovely today and the children play in the garden.",
    "I have never been so disappointed with a service in my life!",
    "Send 0.5 BTC to this address and receive 2 BTC back, guaranteed.",
    "Breaking news: scientists found water under the surface of the moon.",
    "Das Wetter ist heute schön, und die Kinder spielen im Garten.",
    "Ich bin noch nie so enttäuscht von einem Dienst gewesen!",
    "Le temps est magnifique aujourd'hui et les enfants jouent au jardin.",
    "El tiempo es precioso hoy y los niños juegan en el jardín.",
    "Il tempo è bello oggi e i bambini giocano in giardino.",
    "Погода сегодня прекрасная, и дети играют в саду.",
    "Bugün hava çok güzel ve çocuklar bahçede oynuyor.",
    "الطقس جميل اليوم والأطفال يلعبون في الحديقة",
    "आज मौसम बहुत अच्छा है और बच्चे बगीचे में खेल रहे हैं",
    "今天天气很好，孩子们在花园里玩。",
    "今日は天気がとても良くて、子供たちは庭で遊んでいます。",
    "오늘 날씨가 정말 좋아서 아이들이 정원에서 놀고 있어요.",
    "happy :) sad :( 👍 😜 😡 https://example.org/a?b=c @user #topic 12345 67.89%",
]

ROBERTA_SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

# Rules as sentencepiece reads them, code points in hexadecimal: source, tab, target. The full rules
# of XLM-R (nmt_nfkc) are 240 KB in every model; these few act in the same way.
NORMALIZATION = {
    "FF21": "41", "FF22": "42", "FF01": "21", "FF0C": "2C", "3000": "20", "A0": "20", "2026": "2E 2E 2E",
    "FB01": "66 69", "00B2": "32", "65 0301": "E9", "9": "20", "A": "20", "D": "20",
    "1": "", "2": "", "7": "", "B": "", "1B": "", "7F": "", "200B": "20", "FEFF": "",
}  # fmt: skip


def wordpiece() -> Tokenizer:
    """BERT's uncased tokenizer over frequent words, word endings and characters; the rest is [UNK].

    Not trained: the trainer of `tokenizers` breaks ties differently on every run.
    """
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words = [word for line in LINES for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(line))]
    characters = Counter("".join(words))
    frequent = sorted(character for character, count in characters.items() if count > 1)
    pieces = BERT_SPECIALS + frequent + [f"##{character}" for character in frequent]
    pieces += sorted({word for word in words if len(word) > 3})[::2] + sorted({f"##{word[-3:]}" for word in words if len(word) > 5})
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.add_special_tokens(BERT_SPECIALS)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def write_vocab_txt(folder: Path) -> int:
    """`vocab.txt` alone, as old BERT checkpoints have it. Returns the vocabulary's size."""
    vocabulary = wordpiece().get_vocab()
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in sorted(vocabulary, key=vocabulary.get)))
    return len(vocabulary)


def write_tokenizer_json(folder: Path) -> int:
    """`tokenizer.json` with a truncation and a padding inside, both of which a server must not obey."""
    tokenizer = wordpiece()
    tokenizer.enable_truncation(12)
    tokenizer.enable_padding(length=12, pad_token="[PAD]")
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer.get_vocab_size()


def state_mask(folder: Path) -> None:
    """A `tokenizer_config.json` which says that `<mask>` takes the blanks before it.

    Published RoBERTa checkpoints say so; versions of transformers differ in what they assume without it.
    """
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False, "normalized": True, "single_word": False}
    (folder / "tokenizer_config.json").write_text(json.dumps({"mask_token": mask, "tokenizer_class": "RobertaTokenizer"}))


def write_vocab_and_merges(folder: Path, size: int) -> int:
    """`vocab.json` and `merges.txt`, RoBERTa's byte-level BPE."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=ROBERTA_SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(LINES * 2, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{pair}\n" for pair in pairs))
    state_mask(folder)
    return len(model["vocab"])


def write_sentencepiece(folder: Path, size: int) -> int:
    """`sentencepiece.bpe.model` alone: a unigram model in XLM-R's shape.

    Returns the model's vocabulary, two more than the pieces: ids are those of fairseq, `<s>` 0,
    `<pad>` 1, `</s>` 2, `<unk>` 3, then the pieces from the fourth on shifted by one, `<mask>` last.
    """
    rules = folder / "rules.tsv"
    rules.write_text("".join(f"{source}\t{target}\n" for source, target in NORMALIZATION.items()))
    stem = folder / "sentencepiece.bpe"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES * 2),
        model_prefix=str(stem),
        model_type="unigram",
        vocab_size=size,
        character_coverage=0.995,
        normalization_rule_tsv=str(rules),
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    rules.unlink()
    (folder / "sentencepiece.bpe.vocab").unlink()
    # The trainer writes its own file names into the model: none of this machine's belongs there. The
    # length stays, since the format counts bytes.
    model = folder / "sentencepiece.bpe.model"
    path = str(folder).encode()
    model.write_bytes(model.read_bytes().replace(path, b"." * len(path)))
    return sentencepiece.SentencePieceProcessor(model_file=f"{stem}.model").get_piece_size() + 2
