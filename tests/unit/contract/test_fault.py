"""What every connector says of bytes and shapes: the place is a JSON pointer, nothing is guessed."""

import msgspec
import pytest

from trueup.canon.issue import Issue, Severity
from trueup.contract.fault import Faults, Unsound
from trueup.contract.loader import find_connectors
from trueup.kernel.limits import JSON_DEPTH_MAX

FAULTS = Faults(
    vendor="Fern",
    malformed_code="fern.body_malformed",
    invalid_code="fern.field_invalid",
    missing_code="fern.field_missing",
    kind_code="fern.field_type",
    text_code="fern.text_invalid",
)


class _Line(msgspec.Struct):
    price: int
    name: str = msgspec.field(default="", name="display name")


class _Order(msgspec.Struct):
    lines: list[_Line]
    by_ref: dict[str, _Line] = {}


def shaped(body: bytes) -> Issue:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=_Order)
    return FAULTS.misshapen(caught.value)


@pytest.mark.parametrize(
    ("body", "code", "pointer", "expected", "found"),
    [
        (b'{"lines":[{"price":"x"}]}', "field_type", "/lines/0/price", "int", "str"),
        (b'{"lines":[{}]}', "field_missing", "/lines/0/price", "a value", "nothing"),
        (b"{}", "field_missing", "/lines", "a value", "nothing"),
        (b"[]", "field_type", "", "object", "array"),
        (b'{"lines":[],"by_ref":{"a":{}}}', "field_missing", "/by_ref/-/price", "a value", "nothing"),
    ],
)  # fmt: skip
def test_the_place_is_a_pointer_without_the_decoders_own_signs(
    body: bytes, code: str, pointer: str, expected: str, found: str
) -> None:
    issue = shaped(body)
    assert issue.severity is Severity.ERROR
    assert (issue.code, issue.pointer) == (f"fern.{code}", pointer)
    assert (issue.expected, issue.found) == (expected, found)
    assert "Fern" in issue.how_to_fix


def test_a_code_that_is_not_given_is_the_one_for_what_is_invalid() -> None:
    plain = Faults(vendor="Fern", malformed_code="fern.bad", invalid_code="fern.wrong")
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b"{}", type=_Order)
    assert plain.misshapen(caught.value).code == "fern.wrong"
    assert plain.unsound(Unsound("a", "b", "/c")).code == "fern.wrong"


def test_bytes_that_can_not_be_read_are_told_by_why() -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(b"{")
    assert FAULTS.malformed(caught.value).code == "fern.body_malformed"
    deep = FAULTS.malformed(RecursionError())
    assert (str(JSON_DEPTH_MAX) in deep.expected, deep.found) == (True, "deeper nesting")
    assert FAULTS.unreadable("U+0000").found == "U+0000"


@pytest.mark.parametrize(
    ("body", "held"),
    [
        (rb'{"a":["x\u0000"]}', True),
        (rb'{"x\u0000":1}', True),
        (rb'{"a":"\\u0000"}', False),
        (rb'{"a":"plain"}', False),
        (rb'{"a":"\u0000"', False),
    ],
)
def test_the_null_character_is_found_wherever_text_may_stand(body: bytes, *, held: bool) -> None:
    issue = FAULTS.null_character(body)
    assert (issue is not None) == held
    assert issue is None or issue.code == "fern.text_invalid"


def test_no_connector_tells_places_with_the_decoders_signs() -> None:
    """Several did, before they all told them in one place."""
    for connector, folder in find_connectors().items():
        tell = getattr(getattr(folder.mapping, "fault", None), "misshapen", None)
        tell = tell or getattr(folder.mapping, "misshapen", None)
        if tell is None:
            continue
        with pytest.raises(msgspec.ValidationError) as caught:
            msgspec.json.decode(b'{"lines":[{"price":"x"}]}', type=_Order)
        assert tell(caught.value).pointer == "/lines/0/price", connector
