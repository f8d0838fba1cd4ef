"""A linear support vector machine of texts, with a chance for each label, and what it leaves open.

Words and pieces of words are weighed by how rare they are; beside them stands what a rule says,
and the sentence's vector, where there is one, as heavy as cross-validation found best. The
distances become chances by one temperature, and below a threshold nothing is said: both are found
on texts that the machine was not trained on.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from trueup.errors import invariant
from trueup.models.artifact import Array, of_array, to_array
from trueup.models.tickets.features import PIECES, WORDS, Counts, Weights, counts_of, rows_of, weigh

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

SENTENCE_WEIGHTS: Final = (1.0, 1.5, 2.0)
"""How heavy a sentence's vector may be beside the words, whose rows have length one each."""

FOLDS: Final = 5
RIGHT_SHARE: Final = 0.9
"""Of what is said so many are right, as far as cross-validation can tell; the rest is left open."""

CHANCE_MIN: Final = 0.3
_TEMPERATURES: Final = (0.02, 5.0)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A machine as it is kept: numbers alone.

    Attributes:
        sentence_weight: zero where it was trained without sentence vectors.
        columns, rarities: of words and of pieces of words, one after the other.
        words: so many of the columns are of words.
        right_share: of texts that it was not trained on, as a share of all, left open or not.
    """

    labels: tuple[str, ...]
    columns: Array
    rarities: Array
    words: int
    coefficients: Array
    intercepts: Array
    sentence_weight: float
    temperature: float
    threshold: float
    right_share: float


class Said(NamedTuple):
    """What a machine says of one text.

    Attributes:
        chance: that the label is right, by the texts that it was tested on.
        open: the chance is below the threshold, so it is better not relied on.
    """

    label: str
    chance: float
    open: bool


class Texts(NamedTuple):
    """Texts, counted once: what every fold begins with.

    Attributes:
        hints: what a rule says of each, one column a label; of no columns without a rule.
        sentences: a vector a text; None without them.
    """

    words: Counts
    pieces: Counts
    hints: Counts
    sentences: Floats | None

    def some(self, places: NDArray[np.intp]) -> Self:
        """Return the texts at some places."""
        vectors = None if self.sentences is None else self.sentences[places]
        return type(self)(self.words[places], self.pieces[places], self.hints[places], vectors)


def count_texts(
    texts: Sequence[str], sentences: Floats | None = None, hints: Floats | None = None
) -> Texts:
    """Return texts as they are trained on and asked about."""
    told = np.zeros((len(texts), 0), np.float32) if hints is None else hints
    words, pieces = counts_of(WORDS, texts), counts_of(PIECES, texts)
    return Texts(words, pieces, sparse.csr_matrix(told), sentences)


class Machine:
    """A trained machine.

    Args:
        kept: as it was kept.
    """

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        columns, rarities = of_array(kept.columns), of_array(kept.rarities)
        self._words = Weights(columns[: kept.words], rarities[: kept.words])
        self._pieces = Weights(columns[kept.words :], rarities[kept.words :])
        self._coefficients = of_array(kept.coefficients)
        self._intercepts = of_array(kept.intercepts)

    def decide(self, texts: Texts) -> Doubles:
        """Return how far each text lies on each label's side."""
        rows = _rows(texts, (self._words, self._pieces), self.kept.sentence_weight)
        found: Doubles = rows @ self._coefficients.T + self._intercepts
        return found

    def say(self, texts: Texts) -> list[Said]:
        """Return what each text is about, how likely, and whether that is left open."""
        chances = _chances(self.decide(texts), self.kept.temperature)
        best = chances.argmax(axis=1)
        return [
            Said(self.kept.labels[label], float(row[label]), bool(row[label] < self.kept.threshold))
            for label, row in zip(best, chances, strict=True)
        ]


def learn(
    texts: Texts,
    labels: Sequence[str],
    *,
    folds: int = FOLDS,
    heavy: Sequence[float] = SENTENCE_WEIGHTS,
) -> Machine:
    """Return a machine of texts whose labels are known; the same texts give the same machine.

    Args:
        texts: of training.
        labels: of each; at least two different ones, each at least `folds` times.
        folds: of the cross-validation that finds how heavy sentences are, and the chances.
        heavy: how heavy sentences may be; the first of those that do best is taken.
    """
    names, numbers = np.unique(np.asarray(labels), return_inverse=True)
    invariant(len(names) > 1, "there is something to tell apart")
    invariant(np.bincount(numbers).min() >= folds, "each label is in each fold")
    heavy = (0.0,) if texts.sentences is None else heavy
    held = [_held_out(texts, numbers, weight, folds) for weight in heavy]
    right = [float((each.argmax(axis=1) == numbers).mean()) for each in held]
    best = int(np.argmax(right))
    temperature = _temperature(held[best], numbers)
    weights = (weigh(texts.words), weigh(texts.pieces))
    coefficients, intercepts = _fit(_rows(texts, weights, heavy[best]), numbers)
    kept = Kept(
        labels=tuple(str(name) for name in names),
        columns=to_array(np.concatenate([each.columns for each in weights])),
        rarities=to_array(np.concatenate([each.rarity for each in weights])),
        words=len(weights[0].columns),
        coefficients=to_array(coefficients),
        intercepts=to_array(intercepts),
        sentence_weight=heavy[best],
        temperature=temperature,
        threshold=_threshold(_chances(held[best], temperature), numbers),
        right_share=right[best],
    )
    return Machine(kept)


def _held_out(texts: Texts, numbers: NDArray[np.intp], weight: float, folds: int) -> Doubles:
    """Return how far each text lies on each side, by machines that were not trained on it."""
    found = np.zeros((len(numbers), int(numbers.max()) + 1))
    split = StratifiedKFold(folds, shuffle=True, random_state=0)
    for seen, unseen in split.split(np.zeros(len(numbers)), numbers):
        some = texts.some(seen)
        weights = (weigh(some.words), weigh(some.pieces))
        coefficients, intercepts = _fit(_rows(some, weights, weight), numbers[seen])
        found[unseen] = _rows(texts.some(unseen), weights, weight) @ coefficients.T + intercepts
    return found


def _rows(texts: Texts, weights: tuple[Weights, Weights], sentence_weight: float) -> Counts:
    parts = [rows_of(texts.words, weights[0]), rows_of(texts.pieces, weights[1]), texts.hints]
    if sentence_weight:
        invariant(texts.sentences is not None, "a machine of sentences is given sentences")
        vectors = np.asarray(texts.sentences, np.float32)
        parts.append(sparse.csr_matrix(vectors * np.float32(sentence_weight)))
    return sparse.hstack(parts, format="csr")


def _fit(rows: Counts, numbers: NDArray[np.intp]) -> tuple[Floats, Floats]:
    machine = LinearSVC(C=1.0, dual=True, tol=1e-3, max_iter=5000, random_state=0)
    machine.fit(rows, numbers)
    coefficients, intercepts = machine.coef_, machine.intercept_
    if len(coefficients) == 1:  # of two labels, one side is the other's turned round
        coefficients = np.vstack([-coefficients, coefficients])
        intercepts = np.concatenate([-intercepts, intercepts])
    return coefficients.astype(np.float32), intercepts.astype(np.float32)


def _chances(sides: Doubles, temperature: float) -> Doubles:
    scaled = sides / temperature
    odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    found: Doubles = odds / odds.sum(axis=1, keepdims=True)
    return found


def _temperature(sides: Doubles, numbers: NDArray[np.intp]) -> float:
    """Return the temperature under which the labels that are right are likeliest."""
    rows = np.arange(len(numbers))

    def loss(temperature: float) -> float:
        chances = _chances(sides, temperature)[rows, numbers]
        return float(-np.log(np.maximum(chances, 1e-12)).mean())

    return float(minimize_scalar(loss, bounds=_TEMPERATURES, method="bounded").x)


def _threshold(chances: Doubles, numbers: NDArray[np.intp]) -> float:
    """Return the lowest chance from which on enough of what is said is right."""
    best, right = chances.max(axis=1), chances.argmax(axis=1) == numbers
    order = np.argsort(-best, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(share >= RIGHT_SHARE)
    lowest = float(best[order[good[-1]]]) if len(good) else 1.0
    return max(lowest, CHANCE_MIN)
