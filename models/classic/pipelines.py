"""The scikit-learn pipelines that can be trained, and how they tell words apart.

scikit-learn's words are `(?u)\\b\\w\\w+\\b`. RE2, by which ONNX Runtime finds words, takes `\\w` for ASCII alone and has
no `(?u)`, and Python's `re` has no classes such as `\\p{L}`. Both take a class that lists its characters, so `\\w` is
written out: a word is as many of them as follow each other, two at least, which is the same.
"""

import re
import sys
from collections.abc import Callable, Iterator

from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline


def word_characters() -> Iterator[tuple[str, str]]:
    """The first and last character of each range that `\\w` has in this Python's Unicode."""
    every_character = "".join(map(chr, range(sys.maxunicode + 1)))
    return ((run[0], run[-1]) for run in re.findall(r"\w+", every_character))


WORD = "[" + "".join(first if first == last else f"{first}-{last}" for first, last in word_characters()) + "]{2,}"


def default() -> Pipeline:
    """Words and pairs of words, each counted by its logarithm, and a linear classifier."""
    words = TfidfVectorizer(token_pattern=WORD, ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    return make_pipeline(words, LogisticRegression(C=20, max_iter=1000))


def predecessor() -> Pipeline:
    """Words and naive Bayes: what is often the first pipeline that somebody serves."""
    return make_pipeline(CountVectorizer(token_pattern=WORD), TfidfTransformer(), MultinomialNB())


PIPELINES: dict[str, Callable[[], Pipeline]] = {"default": default, "predecessor": predecessor}
