"""What is wrong with a body, told so that a person can act: place, expected, found, what to do."""

from collections.abc import Iterable, Iterator, Mapping

from trueup.canon.issue import Issue, Severity
from trueup.contract.fault import Faults

FAULTS = Faults(
    vendor="Gorgias",
    malformed_code="gorgias.body_malformed",
    invalid_code="gorgias.field_invalid",
    missing_code="gorgias.field_missing",
    text_code="gorgias.text_invalid",
)
malformed = FAULTS.malformed
misshapen = FAULTS.misshapen
null_character = FAULTS.null_character


def out_of_range() -> Issue:
    """Return the issue for an instant that lies outside the years 1 to 9999 in UTC."""
    return FAULTS.error(
        "gorgias.field_invalid", "", "instants in the years 1 to 9999", "another one"
    )


def unknown_word(field: str, word: str, ref: str, known: Mapping[str, object]) -> Issue:
    """Return the issue for a word of the vendor that the connector does not know."""
    return Issue(
        code=f"gorgias.{field}_unknown",
        severity=Severity.WARNING,
        pointer=f"/{field}",
        expected="one of " + ", ".join(sorted(known)),
        found=word[:80],
        how_to_fix=f"Tell Trueup's maintainers what the {field} {word[:40]!r} means; "
        "until then it is kept as unknown.",
        ref=ref,
    )


def unknown_channels(words: Iterable[str], ref: str, known: Iterable[str]) -> Iterator[Issue]:
    """Give a note for each kind of a customer's address that the connector does not know."""
    for word in sorted(set(words)):
        yield Issue(
            code="gorgias.channel_unknown",
            severity=Severity.NOTE,
            pointer="/customer/channels/-/type",
            expected="one of " + ", ".join(sorted(known)),
            found=word[:80],
            how_to_fix="Nothing, unless it is a phone number or an e-mail address: then tell "
            "Trueup's maintainers, as it is not read.",
            ref=ref,
        )
