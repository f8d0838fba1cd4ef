"""Bodies that a person hands in, taken apart: pages, replies of an API, single records. Pure.

What comes by a webhook goes another way: there nothing may pass for a reply of the API. Here the
person at this machine is trusted, so a body is whatever its own words or the person's say it is.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from trueup.contract.connector import Piece

UNTOLD = "untold/"
"""Before the topic of a body of which neither the topic nor the body itself tells what it is."""

EMPTY = "empty/"
"""Before the topic of a list without anything in it."""

UNREAD = "unread/"
"""Before the name of a thing that tells what it is, and that nothing in the hub reads."""

Fields = dict[str, msgspec.Raw]

_DEPTH_MAX = 6
_WORD_CHARS_MAX = 80
_FIELDS = msgspec.json.Decoder(Fields)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)
_WAYS = ("pull/", "fetch/")
FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Forms(msgspec.Struct, frozen=True, kw_only=True):
    """What bodies of one vendor may be handed in as.

    Attributes:
        nouns: what a record may be, and the topics under which it is read: several where one
            record tells of several things. Plurals are known without being named.
        words: further names, such as a vendor's own ("product.product"), and the nouns they mean.
        topics: taken as they are.
        tell: the pieces of an object that tells by itself what it is; None where it does not.
            Its arguments: the topic as given, the object's fields, its bytes.
        shown: what a person is told beside the nouns; such as "tickets/<id>/comments".
    """

    nouns: Mapping[str, tuple[str, ...]]
    words: Mapping[str, str] = {}
    topics: frozenset[str] = frozenset()
    tell: Callable[[str, Fields, bytes], Sequence[Piece] | None] | None = None
    shown: tuple[str, ...] = ()

    def noun_of(self, topic: str) -> str | None:
        """Return the noun that a word means; None where it means none."""
        for way in _WAYS:
            topic = topic.removeprefix(way)
        word = _squashed(topic)
        for noun in self.nouns:
            plain = _squashed(noun)
            if word in {plain, f"{plain}s", f"{plain}es", f"{plain.removesuffix('y')}ies"}:
                return noun
        return next((n for name, n in self.words.items() if _squashed(name) == word), None)

    def of_noun(self, noun: str, body: bytes, topic: str = "") -> tuple[Piece, ...]:
        """Return the pieces of one record; a topic that was given stands where it means the same.

        Args:
            noun: what the record is.
            body: the record's own bytes.
            topic: as given.
        """
        own = self.nouns[noun]
        if topic.startswith(_WAYS) and topic in self.topics and self.noun_of(topic) == noun:
            own = (topic,)
        return tuple(Piece(topic=each, body=body) for each in own)

    def known(self) -> tuple[str, ...]:
        """Name what a person may call a body: plain words first, then topics."""
        return tuple(dict.fromkeys((*sorted(self.nouns), *self.shown, *sorted(self.topics))))


def split_handed(forms: Forms, topic: str, body: bytes) -> tuple[Piece, ...]:
    """Return one piece per record of whatever a person hands in; at least one; never raises."""
    try:
        return _split(forms, topic, body, _DEPTH_MAX)
    except FAULTS:
        return as_given(forms, topic, body)


def as_given(forms: Forms, topic: str, body: bytes) -> tuple[Piece, ...]:
    """Return the pieces of a body that does not tell what it is: the topic says it, or nobody."""
    if topic in forms.topics:
        return (Piece(topic=topic, body=body),)
    noun = forms.noun_of(topic)
    return untold(topic, body) if noun is None else forms.of_noun(noun, body)


def untold(topic: str, body: bytes) -> tuple[Piece, ...]:
    """Return a piece of which nobody can say what it is; an issue tells what may be done."""
    return (Piece(topic=f"{UNTOLD}{topic[:_WORD_CHARS_MAX]}", body=body),)


def unread(name: str, body: bytes) -> tuple[Piece, ...]:
    """Return a piece of a thing that nothing in the hub reads; it is ignored with that reason."""
    return (Piece(topic=f"{UNREAD}{name[:_WORD_CHARS_MAX]}", body=body),)


def fields_of(raw: bytes | msgspec.Raw | None) -> Fields:
    """Return the fields of an object; none where it is no object."""
    if raw is None:
        return {}
    try:
        return _FIELDS.decode(raw)
    except FAULTS:
        return {}


def text_of(raw: msgspec.Raw | None) -> str:
    """Return a field's text; empty where it is no text."""
    if raw is None or bytes(raw)[:1] != b'"':
        return ""
    try:
        return _TEXT.decode(raw)
    except FAULTS:
        return ""


def items_of(raw: bytes | msgspec.Raw | None) -> list[bytes]:
    """Return what stands in a list; an object alone is a list of one; nothing else is any."""
    text = b"" if raw is None else bytes(raw).lstrip()
    if text[:1] == b"{":
        return [text]
    if text[:1] != b"[":
        return []
    try:
        return [bytes(item) for item in _ITEMS.decode(text)]
    except FAULTS:
        return []


def holds(fields: Fields, name: str) -> bool:
    """Tell whether a field is there, and is a list or an object."""
    return name in fields and bytes(fields[name])[:1] in {b"[", b"{"}


def empty(topic: str, body: bytes) -> tuple[Piece, ...]:
    """Return a piece that says that a list was handed in with nothing in it."""
    return (Piece(topic=f"{EMPTY}{topic[:_WORD_CHARS_MAX]}", body=body),)


def joined(parts: Sequence[Sequence[Piece]], topic: str, body: bytes) -> tuple[Piece, ...]:
    """Return the pieces of all parts; where there are none, one that says so."""
    return tuple(piece for part in parts for piece in part) or empty(topic, body)


def _split(forms: Forms, topic: str, body: bytes, depth: int) -> tuple[Piece, ...]:
    first = body.lstrip()[:1]
    if first == b"[" and depth:
        items = [bytes(item) for item in _ITEMS.decode(body)]
        return joined([_split(forms, topic, item, depth - 1) for item in items], topic, body)
    if first != b"{":
        return as_given(forms, topic, body)
    fields = _FIELDS.decode(body)
    told = forms.tell(topic, fields, body) if forms.tell else None
    if told is not None:
        return tuple(told) or empty(topic, body)
    if len(fields) == 1 and depth:
        ((name, inner),) = fields.items()
        noun = forms.noun_of(name)
        if noun is not None and holds(fields, name):
            return _split(forms, noun, bytes(inner), depth - 1)
    return as_given(forms, topic, body)


def _squashed(word: str) -> str:
    """Return a word as all its spellings are: "JournalEntry" and "journal_entry" are one."""
    return "".join(filter(str.isalnum, word)).lower()
