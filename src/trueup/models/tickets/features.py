"""Texts as sparse rows of numbers: words, pairs of words, and pieces of words of 2 to 5 letters.

Each is kept as a number that its letters are hashed to, and never as itself: what is learned from
tickets holds no word of theirs.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

Counts: TypeAlias = Any
"""A sparse matrix, row by row; its library has no types."""

_COLUMNS: Final = 1 << 20
_HASHED: Final[dict[str, Any]] = {
    "n_features": _COLUMNS,
    "alternate_sign": False,
    "norm": None,
    "strip_accents": "unicode",
    "dtype": np.float32,
}
_WORD: Final = r"(?u)\b\w+\b"
WORDS: Final = HashingVectorizer(
    analyzer="word", ngram_range=(1, 2), **{"token_pattern": _WORD, **_HASHED}
)
PIECES: Final = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), **_HASHED)


class Weights(NamedTuple):
    """Which columns were seen in training, in order, and how telling each is.

    Attributes:
        columns: rising.
        rarity: of each: the rarer, the more it tells.
    """

    columns: NDArray[np.int32]
    rarity: NDArray[np.float32]


def counts_of(vectoriser: HashingVectorizer, texts: Sequence[str]) -> Counts:
    """Return how often each hashed piece stands in each text."""
    return vectoriser.transform(texts)


def weigh(counts: Counts) -> Weights:
    """Return the columns of texts, and how rare each is among them."""
    columns, texts = np.unique(counts.indices, return_counts=True)
    rarity = np.log((1 + counts.shape[0]) / (1 + texts)) + 1
    return Weights(columns.astype(np.int32), rarity.astype(np.float32))


def rows_of(counts: Counts, weights: Weights) -> Counts:
    """Return texts as rows of length one over the columns of training; others are left out."""
    places = np.searchsorted(weights.columns, counts.indices)
    places[places == len(weights.columns)] = 0
    known = weights.columns[places] == counts.indices
    ends = np.concatenate([[0], np.cumsum(known)])[counts.indptr]
    places, often = places[known], counts.data[known]
    values = (1 + np.log(often)) * weights.rarity[places]
    shape = (counts.shape[0], len(weights.columns))
    found = sparse.csr_matrix((values, places, ends), shape=shape)
    length = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    length[length == 0] = 1
    return sparse.csr_matrix(sparse.diags(1 / length) @ found, dtype=np.float32)
