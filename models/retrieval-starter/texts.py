"""Owns the texts whose meaning the teacher is asked for: the project's own, or made of its sentences and of words.

Meaning of words is what a small corpus lacks most, so most texts are its sentences with other words put in: the
teacher says what those mean, sensible or not.
"""

import random
from collections import Counter

import starter  # noqa: F401  for the modules below
from corpus import read_languages, read_task

# How many of the commonest words of the questions are left as they are: those that make a question of it.
PLAIN_WORDS = 150
# Tasks of the starter models whose English texts are read; polarity has those of sentiment, too. Insults are left out.
TASKS = ("polarity", "spam", "news")


def starter_texts(rng: random.Random) -> list[str]:
    """English texts of the starter models' corpus."""
    texts = list(read_languages()["English"].sentences.train)
    for task in TASKS:
        for file in read_task(task):
            if file.language == "English":
                texts += file.train(rng, times=1)
    return list(dict.fromkeys(texts))


def replaced(
    sentences: list[str], words: list[str], count: int, rng: random.Random, plain: int = PLAIN_WORDS
) -> list[str]:
    """At most `count` sentences, each once, in which one or two words are others, all of `words` equally likely."""
    occurrences = Counter(word for text in sentences for word in text.lower().split())
    kept = {word for word, _ in occurrences.most_common(plain)}
    made: dict[str, None] = {}
    for _ in range(count):
        parts = rng.choice(sentences).split()
        places = [at for at, word in enumerate(parts) if word.lower() not in kept]
        for at in rng.sample(places, min(len(places), rng.choice((1, 1, 2)))):
            end = parts[at][-1]
            parts[at] = rng.choice(words) + ("" if end.isalnum() else end)
        made[" ".join(parts)] = None
    return list(made)


def in_a_row(words: list[str], count: int, rng: random.Random) -> list[str]:
    """`count` rows of two to four words: searches as people type them."""
    return [" ".join(rng.sample(words, rng.randint(2, 4))) for _ in range(count)]
