"""The reader of tickets beside published figures, on data sets that are at hand."""

import csv
import gzip
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from trueup.models.measured import Anchored, Holds, Measured
from trueup.models.tickets.machine import Texts, count_texts, learn
from trueup.models.tickets.matters import Matter, matter_by_words
from trueup.models.tickets.reader import start_reader, start_texts
from trueup.models.tickets.sentence import HOW_TO_INSTALL, find_encoder

BANKING: Final = Path("banking77", "train.csv.gz")
BITEXT: Final = Path(
    "bitext-customer-service", "Bitext_Sample_Customer_Service_Training_Dataset.csv.gz"
)
SPLITS: Final = 10
TESTED: Final = 3
"""Three tenths are tested on, each by a machine of the nine others, as there is no test part here;
how heavy sentences are is found on the seven that are never tested on."""

ASKED: Final = 100

_ACCOUNT: Final = (
    *("create_account", "delete_account", "edit_account", "recover_password", "switch_account"),
    *("registration_problems", "newsletter_subscription", "contact_customer_service"),
    *("contact_human_agent", "check_invoice", "get_invoice", "check_payment_methods"),
    *("review", "payment_issue", "complaint"),
)
MEANS: Final[Mapping[str, Matter]] = {
    **dict.fromkeys(("delivery_period", "track_order"), Matter.WHERE_IS_ORDER),
    **dict.fromkeys(("get_refund", "track_refund", "check_refund_policy"), Matter.REFUND),
    **dict.fromkeys(("change_shipping_address", "set_up_shipping_address"), Matter.CHANGE_ADDRESS),
    "cancel_order": Matter.CANCEL,
    **dict.fromkeys(_ACCOUNT, Matter.OTHER),
}
"""Bitext's names in our words. Those that are of two of ours, or of none, are left out."""


def bench(data: Path | None) -> Iterator[Measured]:
    """Give the parts of the benchmark: our own sentences, then each data set that is there."""
    yield _measure_start()
    if data is None or not (data / BITEXT).is_file():
        yield Measured(part="tickets on bitext", left_out=f"There is no {BITEXT}.")
    else:
        yield measure_bitext(data / BITEXT)
    if data is None or not (data / BANKING).is_file():
        yield Measured(part="tickets on banking77", left_out=f"There is no {BANKING}.")
    elif find_encoder() is None:
        yield Measured(part="tickets on banking77", left_out=HOW_TO_INSTALL)
        yield measure_banking(data / BANKING, sentences=False)
    else:
        yield measure_banking(data / BANKING, sentences=True)


def _measure_start() -> Measured:
    """Measure the start set by cross-validation beside the rule, and how long a ticket takes."""
    reader, texts = start_reader(), start_texts()
    rule = np.mean([matter_by_words(each.text) is each.matter for each in texts])
    began = time.perf_counter()
    for each in texts[:ASKED]:
        reader.read([each.text])
    took_ms = (time.perf_counter() - began) / ASKED * 1000
    return Measured(
        part=_named("tickets, our own sentences", sentences=reader.reads_sentences),
        figures=(
            Anchored("right_share", reader.right_share, float(rule), Holds.AT_LEAST),
            Anchored("a_ticket_ms", took_ms, 15.0),
        ),
    )


def measure_bitext(path: Path) -> Measured:
    """Measure what our own sentences alone know of others' utterances, every fourth of them."""
    rows = [row for row in _rows(path) if row["utterance"] and row["intent"] in MEANS][::4]
    reader = start_reader()
    told = reader.read([row["utterance"] for row in rows])
    right = np.array(
        [MEANS[row["intent"]] is mine.matter for row, mine in zip(rows, told, strict=True)]
    )
    said = np.array([not mine.open for mine in told])
    rule = np.mean([matter_by_words(row["utterance"]) is MEANS[row["intent"]] for row in rows])
    return Measured(
        part=_named("tickets on bitext, untrained", sentences=reader.reads_sentences),
        figures=(
            Anchored("right_share", float(right.mean()), float(rule), Holds.SHOWN),
            Anchored("said_share", float(said.mean()), 0.0, Holds.SHOWN),
            Anchored("right_of_said_share", float(right[said].mean()), 0.9, Holds.AT_LEAST),
        ),
    )


def measure_banking(path: Path, *, sentences: bool) -> Measured:
    """Measure 77 intents of a bank's customers beside BERT-large tuned on the same."""
    rows = list(_rows(path))
    plain = [row["text"] for row in rows]
    labels = np.array([row["category"] for row in rows])
    encoder = find_encoder() if sentences else None
    texts = count_texts(plain, None if encoder is None else encoder.encode(plain))
    right = np.mean(_tested(texts, labels))
    return Measured(
        part=_named("tickets on banking77, cross-validated", sentences=sentences),
        figures=(
            Anchored("right_share", float(right), 0.935 if sentences else 0.90, Holds.AT_LEAST),
            Anchored("bert_large_share", float(right), 0.9366, Holds.SHOWN),
        ),
    )


def _tested(texts: Texts, labels: NDArray[np.str_]) -> Sequence[float]:
    """Return the share that is right of each part that is tested on."""
    split = StratifiedKFold(SPLITS, shuffle=True, random_state=7)
    parts = [part for _, part in split.split(labels, labels)]
    never = np.concatenate(parts[TESTED:])
    weight = learn(texts.some(never), labels[never], folds=3).kept.sentence_weight
    found = []
    for part in parts[:TESTED]:
        seen = np.setdiff1d(np.arange(len(labels)), part)
        machine = learn(texts.some(seen), labels[seen], folds=2, heavy=(weight,))
        told = machine.say(texts.some(part))
        found.append(float(np.mean([each.label for each in told] == labels[part])))
    return found


def _named(part: str, *, sentences: bool) -> str:
    return f"{part}, by words and sentences" if sentences else f"{part}, by words alone"


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
