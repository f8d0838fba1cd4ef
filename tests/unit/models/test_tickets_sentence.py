"""Sentences as vectors: like ones lie near each other, and only the weights that were looked at run."""

from pathlib import Path

import numpy as np
import pytest

from trueup.models.tickets import sentence
from trueup.models.tickets.sentence import Encoder, are_known, find_encoder, find_weights


def encoder() -> Encoder:
    found = find_encoder()
    assert found is not None
    return found


@pytest.mark.weights
def test_like_sentences_lie_near_each_other() -> None:
    ask, same, other = encoder().encode(
        ["Where is my order?", "I have not got my parcel yet", "Is this shirt made of cotton?"]
    )
    assert float(ask @ same) > 0.4
    assert float(ask @ other) < 0.25
    assert np.linalg.norm(ask) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.weights
def test_a_sentence_is_the_same_alone_and_among_others() -> None:
    """Padding hides nothing and shows nothing: 40 texts of all lengths, alone and in batches."""
    texts = [" ".join(["the blue box"] * (number % 7 + 1)) + f" {number}" for number in range(40)]
    together = encoder().encode(texts)
    alone = np.vstack([encoder().encode([text]) for text in texts])
    assert np.abs(together - alone).max() < 2e-6


@pytest.mark.weights
def test_what_is_too_long_is_cut_and_nothing_is_a_vector_too() -> None:
    told: list[float] = []
    found = encoder().encode(["word " * 5000, ""], told.append)
    assert np.isfinite(found).all()
    assert told == [1.0]


def test_other_weights_are_not_read(tmp_path: Path) -> None:
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"not what was looked at")
    assert not are_known(tmp_path)


def test_without_weights_there_is_no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence, "PACKAGE", "no_such_package")
    assert find_weights() is None
    find_encoder.cache_clear()
    try:
        assert find_encoder() is None
    finally:
        find_encoder.cache_clear()
