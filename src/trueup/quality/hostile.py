"""Bodies that nobody should send, and somebody does."""

from types import MappingProxyType
from typing import Final

HOSTILE_BODIES: Final = MappingProxyType(
    {
        "empty": b"",
        "blank": b"  \n",
        "null": b"null",
        "a number": b"17",
        "a huge number": b'{"id": 1' + b"0" * 400 + b"}",
        "an endless fraction": b'{"id": 1, "price": 1e999999}',
        "not a number": b'{"id": NaN}',
        "an empty list": b"[]",
        "a list of nothing": b"[null]",
        "an empty object": b"{}",
        "cut off": b'{"id": 17, "line_items": [{"id"',
        "not UTF-8": b'{"id": 17, "name": "\xff\xfe"}',
        "half a character": b'{"id": 17, "name": "\\ud800"}',
        "U+0000": b'{"id": 17, "name": "a\\u0000b"}',
        "the same key twice": b'{"id": 1, "id": 2}',
        "deep": b'{"id": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        "another format": b"<order><id>17</id></order>",
        "a wrong id": b'{"id": {"no": []}}',
        "bytes": bytes(range(256)),
    }
)
