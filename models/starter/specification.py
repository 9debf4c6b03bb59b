"""Owns what the six models are: names, tasks, labels, shapes and training budgets."""

from dataclasses import dataclass
from pathlib import Path

LANGUAGES = """
Arabic Basque Breton Catalan Chinese_China Chinese_Hongkong Chinese_Taiwan Chuvash Czech Dhivehi
Dutch English Esperanto Estonian French Frisian Georgian German Greek Hakha_Chin Indonesian
Interlingua Italian Japanese Kabyle Kinyarwanda Kyrgyz Latvian Maltese Mangolian Persian Polish
Portuguese Romanian Romansh_Sursilvan Russian Sakha Slovenian Spanish Swedish Tamil Tatar Turkish
Ukranian Welsh
""".split()

# ISO 639 codes, two and three letters, as corpora and collections of texts write them.
CODES = {
    "Arabic": "ar ara arb", "Basque": "eu eus", "Breton": "br bre", "Catalan": "ca cat",
    "Chinese_China": "zh zh-CN cmn zho zho-CN", "Chinese_Hongkong": "yue zh-HK",
    "Chinese_Taiwan": "zh-TW zho-TW", "Chuvash": "cv chv", "Czech": "cs ces", "Dhivehi": "dv div",
    "Dutch": "nl nld", "English": "en eng", "Esperanto": "eo epo", "Estonian": "et est",
    "French": "fr fra", "Frisian": "fy fry", "Georgian": "ka kat", "German": "de deu",
    "Greek": "el ell", "Hakha_Chin": "cnh", "Indonesian": "id ind", "Interlingua": "ia ina",
    "Italian": "it ita", "Japanese": "ja jpn", "Kabyle": "kab", "Kinyarwanda": "rw kin",
    "Kyrgyz": "ky kir", "Latvian": "lv lav lvs", "Maltese": "mt mlt", "Mangolian": "mn mon",
    "Persian": "fa fas pes", "Polish": "pl pol", "Portuguese": "pt por", "Romanian": "ro ron",
    "Romansh_Sursilvan": "rm roh", "Russian": "ru rus", "Sakha": "sah", "Slovenian": "sl slv",
    "Spanish": "es spa", "Swedish": "sv swe", "Tamil": "ta tam", "Tatar": "tt tat",
    "Turkish": "tr tur", "Ukranian": "uk ukr", "Welsh": "cy cym",
}  # fmt: skip
LABEL_OF_CODE = {code: label for label, codes in CODES.items() for code in codes.split()}

# How much oftener than the others a language is drawn in training: what a server mostly sees.
WEIGHT = dict.fromkeys(LANGUAGES, 1.0) | {
    "English": 4.0, "Spanish": 3.0, "French": 2.5, "German": 2.5, "Portuguese": 3.0,
    "Italian": 2.5, "Arabic": 1.5, "Dutch": 1.5, "Russian": 1.5, "Turkish": 1.5,
    "Indonesian": 1.5, "Polish": 1.5, "Swedish": 1.5, "Chinese_China": 1.5, "Japanese": 1.5,
    "Catalan": 0.7, "Interlingua": 0.7, "Romansh_Sursilvan": 0.7, "Hakha_Chin": 0.7, "Frisian": 0.8,
}  # fmt: skip


@dataclass(frozen=True)
class Model:
    name: str
    task: str  # folder of its corpus
    labels: tuple[str, ...]
    named: bool  # whether config.json has the labels; otherwise LABEL_0, LABEL_1 …
    steps: int
    base: str | None = None  # the model whose encoder it starts from
    kind: str = "xlm-roberta"
    dtype: str = "float16"  # of the stored weights
    maximum: int | None = 512  # model_max_length
    hidden: int = 64
    layers: int = 2
    rate: float = 2.5e-3
    forget: float = 0.06  # the share of pieces hidden in training
    further: int = 0  # steps of a second, gentler round
    profile: str = "starter"

    @property
    def folder(self) -> Path:
        return Path(__file__).parents[1] / self.profile / self.name


# In the order of training: language first, the other encoders start from its.
MODELS = {
    model.name: model
    for model in (
        Model("ivanlau", "lang", tuple(LANGUAGES), True, steps=3000, dtype="float32"),
        Model(
            "cardiffnlp", "sentiment", ("negative", "neutral", "positive"), True,
            steps=14000, base="ivanlau", maximum=None, layers=3, rate=1.5e-3, forget=0.08, further=11000,
        ),
        Model(
            "svalabs", "spam", ("HAM", "SPAM"), True,
            steps=1000, base="ivanlau", maximum=None, rate=1.5e-3,
        ),
        Model(
            "EIStakovskii", "toxicity", ("LABEL_0", "LABEL_1"), False,
            steps=1200, base="ivanlau", rate=1.5e-3, forget=0.1,
        ),
        Model("jy46604790", "news", ("LABEL_0", "LABEL_1"), False, steps=1000, kind="roberta"),
        Model(
            "winegarj", "polarity", ("NEGATIVE", "POSITIVE"), True, profile="sentiment-starter",
            steps=7000, kind="distilbert", dtype="float32", layers=3, rate=1.5e-3, forget=0.08, further=5000,
        ),
    )
}  # fmt: skip

HEAD, EXPANSION, POSITIONS = 32, 3, 514
PIECES, NEWS_PIECES, WORD_PIECES = 7000, 3000, 6000
BATCH, LONGEST, SMOOTHING, SEED = 96, 96, 0.05, 11
