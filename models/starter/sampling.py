"""Owns the stream of training examples of each model: which texts, how mixed, with which label."""

import random
from collections.abc import Callable

import augmentation as noise
from corpus import SPELLINGS, UNSPACED, Labelled, Language, bare, read_languages, read_lexicon, read_task
from specification import LANGUAGES, WEIGHT, Model

Example = tuple[str, int]


def examples(model: Model, seed: int) -> Callable[[], Example]:
    """A function that draws one example."""
    rng = random.Random(seed)
    languages = read_languages()
    if model.task == "lang":
        return LanguageSampler(languages, rng).draw
    if model.task == "sentiment":
        return SentimentSampler(model, languages, rng).draw
    if model.task == "polarity":
        return PolaritySampler(model, {"English": languages["English"]}, rng).draw
    return TaskSampler(model, languages, rng).draw


class LanguageSampler:
    def __init__(self, languages: dict[str, Language], rng: random.Random):
        self.rng, self.languages = rng, languages
        self.labels = list(languages)
        self.weights = [WEIGHT[label] for label in self.labels]
        self.extra: dict[str, list[str]] = {}
        for task in ("sentiment", "spam", "toxicity", "news"):
            for file in read_task(task):
                if file.language:
                    pool = self.extra.setdefault(file.language, [])
                    pool.extend(file.train(rng, times=1))

    def draw(self) -> Example:
        rng = self.rng
        label = rng.choices(self.labels, self.weights)[0]
        language, unspaced = self.languages[label], label in UNSPACED
        if language.words and rng.random() < 0.25:
            text = self.words(language, unspaced)
        else:
            text = self.sentences(label, unspaced)
        if rng.random() < 0.12 and not unspaced:  # a name in it is no sign of a language
            text = text.replace(" ", f" {noise.syllables(rng, rng.randint(2, 4)).capitalize()} ", 1)
        return noise.surround(noise.roughen(text, rng), rng), LANGUAGES.index(label)

    def sentences(self, label: str, unspaced: bool) -> str:
        rng = self.rng
        extra, own = self.extra.get(label), self.languages[label].sentences.train
        parts = []
        while not parts or (len(parts) < 3 and rng.random() < 0.2):
            text = rng.choice(extra if extra and rng.random() < 0.4 else own)
            if rng.random() < 0.5:
                text = noise.cut(text, rng, unspaced)
            if rng.random() < 0.2:
                text = noise.shuffle(text, rng, unspaced)
            parts.append(noise.drop_words(text, rng, 0.1))
        return ("" if unspaced else " ").join(parts)

    def words(self, language: Language, unspaced: bool) -> str:
        rng = self.rng
        words = rng.choices(language.words, k=rng.choice((1, 2, 3, 4, 6, 8, 12)))
        if rng.random() < 0.5:
            sentence = rng.choice(language.sentences.train)
            words += rng.choices(list(sentence) if unspaced else sentence.split(), k=len(words))
            rng.shuffle(words)
        return ("" if unspaced else " ").join(words)


class TaskSampler:
    """Label 1 of the two-label tasks marks the presence of something: one such sentence suffices."""

    DROPPED = 0.05  # the share of a text's words

    def __init__(self, model: Model, languages: dict[str, Language], rng: random.Random):
        self.task, self.rng, self.languages = model.task, rng, languages
        self.count = len(SPELLINGS[model.task])
        self.files = [file for file in read_task(model.task) if all(rows.train for rows in file.rows)]
        # Slots bring ever new words: such rows teach words rather than topics.
        self.weights = [
            sum(len(rows.train) for rows in file.rows) ** 0.7 * (2.5 if file.slots else 1.0) for file in self.files
        ]
        self.plain = 1 if self.count == 3 else 0
        self.labels = list(languages)
        # Praise and blame of things is neither spam nor an insult, and an advertisement is no insult.
        others = {"spam": ("sentiment",), "toxicity": ("sentiment", "spam")}.get(model.task, ())
        self.others = [text for task in others for file in read_task(task) for text in file.train(rng)]

    def draw(self) -> Example:
        rng = self.rng
        if self.task == "news":
            return self.news()
        if rng.random() < (0.4 if self.others else 0.15):
            return self.anything_else()
        file = rng.choices(self.files, self.weights)[0]
        label = int(rng.random() < 0.65) if self.others else rng.randrange(self.count)
        parts = [self.row(file, label)]
        while len(parts) < 3 and rng.random() < 0.15:
            parts.append(self.companion(file, label))
        rng.shuffle(parts)
        text = noise.roughen(noise.drop_words(" ".join(parts), rng, self.DROPPED), rng)
        if self.count == 3:
            text = self.with_face(text, label)
        return noise.surround(text, rng, 0.6), label

    def row(self, file: Labelled, label: int) -> str:
        return file.expand(self.rng.choice(file.rows[label].train), self.rng)

    def companion(self, file: Labelled, label: int) -> str:
        """A sentence that changes nothing about the label."""
        if label == self.plain or self.rng.random() < 0.5:
            return self.row(file, label)
        language = self.languages.get(file.language or "")
        if language is None or self.rng.random() < 0.5:
            return self.row(file, self.plain)
        return self.rng.choice(language.sentences.train)

    def with_face(self, text: str, label: int) -> str:
        rng = self.rng
        if rng.random() < 0.2:
            faces = (noise.SAD, noise.PLAIN, noise.HAPPY)[label]
            text += " " * rng.randrange(2) + "".join(rng.choices(faces, k=rng.randint(1, 2)))
        return text

    def anything_else(self) -> Example:
        """Sentences of all languages, and texts that are hardly any: nothing to report."""
        rng = self.rng
        draw = rng.random()
        if draw < 0.1:
            return " ".join(noise.token(rng) for _ in range(rng.randint(0, 6))), self.plain
        text = rng.choice(self.languages[rng.choice(self.labels)].sentences.train)
        if self.others and draw > 0.35:
            text = rng.choice(self.others)
        text = noise.roughen(text, rng)
        if self.count == 3 and draw < 0.25:
            face = rng.choice((0, 2))
            return text + " " + rng.choice((noise.SAD, None, noise.HAPPY)[face]), face
        if draw < 0.5:
            text = noise.surround(text, rng, 3.0)
        return text, self.plain

    def news(self) -> Example:
        rng = self.rng
        if rng.random() < 0.06 and "English" in self.languages:  # chats are no news: not real ones
            text = noise.roughen(rng.choice(self.languages["English"].sentences.train), rng)
            return text + " " + "".join(rng.choices(noise.HAPPY + noise.SAD, k=2)), 0
        label = rng.randrange(2)
        file = rng.choice(self.files)
        parts = [self.row(file, label)]
        while len(parts) < 4 and rng.random() < 0.25:
            parts.append(self.row(file, label))
        text = noise.drop_words(" ".join(parts), rng, 0.05)
        if rng.random() < 0.5:
            text = noise.surround(noise.roughen(text, rng), rng, 0.3)
        return text, label


class SentimentSampler(TaskSampler):
    """The rows teach sentences, the lexicon teaches words: in frames, and loose among others."""

    FRAMES, LOOSE = 0.48, 0.14
    LEXICON = "*"
    # The slots of a lexicon whose values say something by themselves, by label.
    SLOTS = {0: ("na", "na", "nf", "nv", "nn", "ns"), 2: ("pa", "pa", "pf", "pv", "pn", "ps")}

    def __init__(self, model: Model, languages: dict[str, Language], rng: random.Random):
        super().__init__(model, languages, rng)
        self.lexicon = read_lexicon(self.LEXICON)
        self.shares = [6.0 if file.language == "English" else 1.0 for file in self.lexicon]
        self.withheld = {bare(text) for file in self.files for split in file.rows for text in split.held_out} - {""}

    def draw(self) -> Example:
        while True:
            text, label = self.any()
            if bare(text) not in self.withheld:
                return text, label

    def any(self) -> Example:
        rng = self.rng
        kind = rng.random()
        if kind >= self.FRAMES + self.LOOSE:
            return super().draw()
        file = rng.choices(self.lexicon, self.shares)[0]
        label = rng.randrange(self.count)
        if kind < self.LOOSE:
            text = self.loose(file, label)
        else:
            parts = [noise.finish(self.row(file, label), rng)]
            while len(parts) < 3 and rng.random() < 0.12:
                parts.append(self.companion(file, label))
            rng.shuffle(parts)
            text = " ".join(parts)
        text = noise.roughen(noise.drop_words(text, rng, min(0.02, self.DROPPED)), rng)
        return noise.surround(self.with_face(text, label), rng, 0.4), label

    def loose(self, file: Labelled, label: int) -> str:
        """A run of some sentence, with a few words of the label in it."""
        rng = self.rng
        unspaced = file.language in UNSPACED
        plain = self.row(file, self.plain)
        if file.language in self.languages and rng.random() < 0.5:
            plain = rng.choice(self.languages[file.language].sentences.train)
        units = list(plain) if unspaced else plain.split()
        start = rng.randrange(len(units))
        units = units[start : start + rng.randint(0, 8)]
        if label == self.plain:
            return noise.finish(("" if unspaced else " ").join(units) or plain, rng)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            slot = rng.choice([name for name in self.SLOTS[label] if name in file.slots])
            units.insert(rng.randint(0, len(units)), file.expand(rng.choice(file.slots[slot]), rng))
        return noise.finish(("" if unspaced else " ").join(units), rng)


class PolaritySampler(SentimentSampler):
    """Praise and blame alone: what is neutral only stands beside them."""

    FRAMES, LOOSE = 0.4, 0.1
    LEXICON = "en"
    DROPPED = 0.0  # without its "not" a text says the other

    def draw(self) -> Example:
        while True:
            text, label = super().draw()
            if label != self.plain:
                return text, label // 2
