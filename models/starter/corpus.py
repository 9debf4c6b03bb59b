"""Reads the corpus folder and turns it into an endless stream of training texts.

lang/<Label>.txt        sentences, one per line; after the line "#words" a list of frequent words,
                        after "#more" further words for language detection only
<task>/<language>.txt   "label<TAB>text" rows; "name = a | b | c" defines a slot used as {name}

Every eighth row (by a hash of its text) is held out: neither it nor any of its expansions is trained on.
"""
import hashlib
import random
import re
from pathlib import Path

ROOT = Path(__file__).parent / "corpus"
LANGUAGES = """Arabic Basque Breton Catalan Chinese_China Chinese_Hongkong Chinese_Taiwan Chuvash Czech Dhivehi Dutch
English Esperanto Estonian French Frisian Georgian German Greek Hakha_Chin Indonesian Interlingua Italian Japanese
Kabyle Kinyarwanda Kyrgyz Latvian Maltese Mangolian Persian Polish Portuguese Romanian Romansh_Sursilvan Russian Sakha
Slovenian Spanish Swedish Tamil Tatar Turkish Ukranian Welsh""".split()
POSITIVE = "😀 😃 😄 😁 😊 😍 🥰 😘 😎 🤩 👍 ❤️ 💕 💖 🎉 🥳 👏 🙌 💪 ✨ ☀️ 😜 🤗 💯 🔥 :) :-) :D <3 ;)".split()
NEGATIVE = "😡 😠 🤬 😢 😭 😞 😔 😩 😫 🤮 👎 💔 🙄 😤 😒 ☹️ 😖 😱 🤢 :( :-( :'( 😷".split()
PLAIN = "🤔 📷 📅 👉 📌 🚀 💰 🎁 🚗 ⚽ 🏠 📈 🙏 👀 😂 🤣 😅 🌍 🎶 ☕ 🍕 ✅ 💻".split()
CJK = {"Chinese_China", "Chinese_Hongkong", "Chinese_Taiwan", "Japanese"}


def held_out(text):
    text = text.replace("{neg}", "{pos}")  # both signs of a template go to the same side
    return hashlib.md5(text.encode()).digest()[0] % 8 == 0


class Language:
    def __init__(self, label):
        self.label = label
        sentences, _, words = (ROOT / "lang" / f"{label}.txt").read_text("utf-8").partition("#words\n")
        sentences = [s for s in sentences.splitlines() if s.strip()]
        self.train = [s for s in sentences if not held_out(s)]
        self.test = [s for s in sentences if held_out(s)]
        words, _, more = words.partition("#more\n")
        self.words, self.more = words.split(), more.split()


class Task:
    """Rows of one task in one language, with its slot grammar."""

    def __init__(self, path):
        self.language, self.slots, rows = path.stem, {}, []
        for line in path.read_text("utf-8").splitlines():
            if "\t" in line:
                label, text = line.split("\t", 1)
                rows.append((int(label), text))
            elif "=" in line:
                name, values = line.split("=", 1)
                self.slots[name.strip()] = [v.strip() for v in values.split("|") if v.strip()]
        self.train = [r for r in rows if not held_out(r[1])]
        self.test = [r for r in rows if held_out(r[1])]

    def expand(self, text, rng):
        for _ in range(4):
            text = re.sub(r"\{(\w+)\}", lambda m: rng.choice(self.slots[m[1]]), text)
        return text


def favoured():
    """Label ids to draw from: the languages with long word lists, which visitors type most, come three times."""
    return [i for i, n in enumerate(LANGUAGES) for _ in range(3 if Language(n).more else 1)]


def languages():
    return {name: Language(name) for name in LANGUAGES}


def tasks(name):
    return [Task(p) for p in sorted((ROOT / name).glob("*.txt"))]


def name(rng, digits=True):
    s = "".join(rng.choice("bcdfghklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(2, 4)))
    return s + (str(rng.randint(1, 99)) if digits and rng.random() < 0.4 else "")


def typo(text, rng):
    i = rng.randrange(len(text))
    return text[:i] + rng.choice(["", text[i] * 2, text[i:i + 2][::-1] + text[i + 2:i + 2]]) + text[i + 1:]


def noise(text, rng, mentions=0.10, emoji=0.08):
    """What tweets and chats do to a text, without changing what it says."""
    r = rng.random()
    if r < 0.22:
        text = text.lower()
    elif r < 0.26:
        text = text.upper()
    if rng.random() < 0.25:
        text = text.rstrip(".!?。！？…")
    if text and rng.random() < 0.10:
        text = typo(text, rng)
    if rng.random() < mentions:
        text = rng.choice(["@user ", "@" + name(rng) + " ", "RT @user: "]) + text
    if rng.random() < mentions * 0.7:
        text += rng.choice([" http", " https://t.co/" + name(rng) + name(rng), " https://www." + name(rng, False) + ".com"])
    if rng.random() < mentions * 0.5:
        text += " #" + name(rng)
    if rng.random() < emoji:
        text += " " + rng.choice(PLAIN)
    return text


def span(text, rng, label):
    """A random part of a sentence: characters where there are no spaces, words elsewhere."""
    units = list(text) if label in CJK else text.split()
    if rng.random() < 0.45 or len(units) < 3:
        return text
    size = rng.randint(2, len(units))
    start = rng.randint(0, len(units) - size)
    return ("" if label in CJK else " ").join(units[start:start + size])


def language_text(lang, extra, rng):
    """One text of a language: sentences, or frequent words in a row."""
    r = rng.random()
    joint = "" if lang.label in CJK else " "
    if r < 0.45:
        pool = extra if extra and rng.random() < 0.3 else lang.train
        text = span(rng.choice(pool), rng, lang.label)
        more = 0.85 if rng.random() < 0.05 else 0.1  # some texts are long
        while rng.random() < more:
            text += joint + rng.choice(pool)
    else:
        words = rng.choices(lang.words + lang.more, k=rng.choice([1, 2, 3, 3, 4, 4, 5, 6, 7, 9]))
        if rng.random() < 0.5:
            borrowed = list(rng.choice(lang.train)) if joint == "" else rng.choice(lang.train).split()
            words += rng.choices(borrowed, k=len(words))
            rng.shuffle(words)
        text = joint.join(words)
        if rng.random() < 0.2 and joint:
            text = text.capitalize() + rng.choice([".", "?", "!", "..."])
    if rng.random() < 0.08:
        text += " " + rng.choice(POSITIVE + NEGATIVE)
    if rng.random() < 0.08:
        text = text.replace(" ", f" {name(rng, False).capitalize()} ", 1)
    return noise(text, rng)
