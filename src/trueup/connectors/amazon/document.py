"""Documents that Amazon hands out by an address: settlements, and what came of feeds.

Two calls: one asks for the address, which is good for five minutes, the next one downloads it.
"""

import zlib
from typing import Final
from urllib.parse import quote

import msgspec

from trueup.connectors.amazon.settlement import settlement_pieces, unreadable_piece
from trueup.contract.connector import Fetch, Page, Piece, Reply, Request
from trueup.errors import ConfigError, ContractBroken

BYTES_MAX: Final = 200_000_000
_PATHS: Final = {
    "settlements": "/reports/2021-06-30/documents/{ref}",
    "feeds": "/feeds/2021-06-30/documents/{ref}",
}
_GZIP_MAGIC: Final = b"\x1f\x8b"


class _Document(msgspec.Struct, gc=False, rename="camel"):
    url: str
    compression_algorithm: str | None = None


def document_request(fetch: Fetch) -> Request:
    """Return the call that asks for a document's address, or the one that downloads it."""
    if fetch.place is not None:
        return Request(method="GET", path=fetch.place)
    path = _PATHS[fetch.resource].replace("{ref}", quote(fetch.ref, safe=""))
    return Request(method="GET", path=path, scope=fetch.resource)


def document_page(fetch: Fetch, reply: Reply) -> Page:
    """Return where the document lies, or its records.

    Raises:
        ContractBroken: the address is none, or the document can not be unpacked.
    """
    if fetch.place is None:
        try:
            document = msgspec.json.decode(reply.body, type=_Document)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
            raise ContractBroken("Amazon named no address of the document") from fault
        if document.compression_algorithm not in {None, "GZIP"}:
            raise ContractBroken("The document is packed in an unknown way")
        return Page(pieces=(), then=msgspec.structs.replace(fetch, place=document.url))
    content = unpacked(reply.body)
    if fetch.resource == "feeds":
        return Page(pieces=(Piece(topic="feed_report", body=content),))
    try:
        return Page(pieces=tuple(settlement_pieces(content)))
    except ConfigError as fault:
        return Page(pieces=(unreadable_piece(fetch.ref, fault),))


def unpacked(content: bytes) -> bytes:
    """Return a document's bytes, unpacked where they are packed; a bomb stays small.

    Raises:
        ContractBroken: it is broken, cut off or too large.
    """
    if not content.startswith(_GZIP_MAGIC):
        return content
    unpacker = zlib.decompressobj(31)
    try:
        plain = unpacker.decompress(content, BYTES_MAX + 1)
    except zlib.error as fault:
        raise ContractBroken("The document can not be unpacked") from fault
    if len(plain) > BYTES_MAX or not unpacker.eof:
        raise ContractBroken("The document is too large, or ends in the middle")
    return plain
