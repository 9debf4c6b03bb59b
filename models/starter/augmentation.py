"""Owns what is done to a text on the fly: what chats, tweets and load scripts do to texts."""

import random
import string

HAPPY = "😀 😃 😄 😁 😊 😍 🥰 😘 😎 🤩 👍 ❤️ 💕 💖 🎉 🥳 👏 🙌 💪 ✨ ☀️ 😜 🤗 💯 🔥 :) :-) :D <3 ;)".split()
SAD = "😡 😠 🤬 😢 😭 😞 😔 😩 😫 🤮 👎 💔 🙄 😤 😒 ☹️ 😖 😱 🤢 :( :-( :'( 😷".split()
PLAIN = "🤔 📷 📅 👉 📌 🚀 💰 🎁 🚗 ⚽ 🏠 📈 🙏 👀 😂 🤣 😅 🌍 🎶 ☕ 🍕 ✅ 💻 🥦 🔋 🎲 🧔 🤛 🇨🇱 🇧🇱 👠".split()


def syllables(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("bcdfghklmnprstvz") + rng.choice("aeiou") for _ in range(count))


def any_emoji(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return rng.choice(PLAIN)
    return chr(rng.choice((rng.randint(0x1F300, 0x1F64F), rng.randint(0x1F680, 0x1F6C5), rng.randint(0x1F900, 0x1F9FF))))


def token(rng: random.Random) -> str:
    """Something that no language owns: an address, a number, a key, line noise."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(("http", "https://t.co/" + syllables(rng, 4), f"https://www.{syllables(rng, 3)}.com/{syllables(rng, 2)}"))
    if kind == 1:
        return str(rng.randint(0, 10 ** rng.randint(1, 6)))
    if kind == 2:
        return "%x" % rng.getrandbits(rng.choice((32, 64, 128)))
    if kind == 3:
        return "".join(rng.choices(string.ascii_letters + string.digits, k=rng.randint(6, 34)))
    if kind == 4:
        return "".join(rng.choices(string.punctuation + string.ascii_letters, k=rng.randint(2, 8)))
    return any_emoji(rng)


def typo(text: str, rng: random.Random) -> str:
    """A letter dropped, doubled or swapped with the next."""
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(("", text[at] * 2, text[at + 1 : at + 2] + text[at])) + text[at + 1 + (rng.random() < 0.3) :]


def finish(text: str, rng: random.Random) -> str:
    """A frame filled with words, written as people write a sentence."""
    text = " ".join(text.split()).replace(" ,", ",")
    if rng.random() < 0.6:
        text = text[:1].upper() + text[1:]
    if text[-1:].isalnum() and rng.random() < 0.4:
        text += rng.choice((".", ".", ".", "!", "!!", "..."))
    return text


def recase(text: str, rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.25:
        return text.lower()
    if draw < 0.32:
        return text.upper()
    return text.title() if draw < 0.34 else text


def drop_words(text: str, rng: random.Random, share: float) -> str:
    words = text.split(" ")
    if len(words) < 4:
        return text
    return " ".join(word for word in words if rng.random() >= share) or text


def cut(text: str, rng: random.Random, unspaced: bool) -> str:
    """A run of words, or of characters where words are not spaced."""
    units, joint = (list(text), "") if unspaced else (text.split(), " ")
    if len(units) < 3:
        return text
    size = rng.randint(2, len(units))
    start = rng.randint(0, len(units) - size)
    return joint.join(units[start : start + size])


def shuffle(text: str, rng: random.Random, unspaced: bool) -> str:
    if unspaced:
        return text
    words = text.split()
    rng.shuffle(words)
    return " ".join(words)


def surround(text: str, rng: random.Random, amount: float = 1.0) -> str:
    """Mentions, addresses, tags, emoji and line noise around a text."""
    if rng.random() < 0.14 * amount:
        text = rng.choice(("@user ", "@user @user ", "RT @user: ", "@" + syllables(rng, 3) + " ")) + text
    if rng.random() < 0.10 * amount:
        text += " " + rng.choice(("http", "http http", "https://t.co/" + syllables(rng, 4)))
    if rng.random() < 0.06 * amount:
        text += " #" + syllables(rng, rng.randint(2, 5))
    if rng.random() < 0.08 * amount:
        text += " " * rng.randrange(2) + any_emoji(rng)
    if rng.random() < 0.06 * amount:
        for _ in range(rng.randint(1, 4)):
            text = f"{text} {token(rng)}" if rng.random() < 0.6 else f"{token(rng)} {text}"
    return text


def roughen(text: str, rng: random.Random) -> str:
    """Case, final punctuation and slips of the finger."""
    text = recase(text, rng)
    if rng.random() < 0.25:
        text = text.rstrip(".!?。！？…") or text
    elif rng.random() < 0.06:
        text = text.rstrip(".") + rng.choice(("!", "!!", "!!!", "...", " ...", "?", "…"))
    while text and rng.random() < 0.12:
        text = typo(text, rng)
    return text
