"""Tells public internet addresses from all the ways to spell one that is not."""

import ipaddress
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

# `is_global` knows most of these. They are written out because each is a door that was used, and
# because the Python versions we run on do not agree about all of them.
_FORBIDDEN_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network": many systems connect it to themselves
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, and a metadata service of one cloud
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, and a metadata service
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_FORBIDDEN_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID and the like
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation
    )
)
_UNICAST_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def is_public(address: str) -> bool:
    """Tell whether an address is one of the public internet.

    Args:
        address: a canonical IPv4 or IPv6 address, as a resolver gives it.

    Returns:
        False for private, loopback, link-local, shared, unique-local, metadata, multicast,
        reserved and documentation addresses, for IPv4 in IPv6 disguise, and for anything that is
        no address.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return _is_public_4(found) if isinstance(found, IPv4Address) else _is_public_6(found)


def is_plain_host(host: str) -> bool:
    """Tell whether a host is a plain name or a canonical address.

    Decimal, octal, hexadecimal and shortened spellings of IPv4 are neither: a resolver may read
    `0x7f.1`, `2130706433` and `0177.0.0.1` as loopback. A name therefore never ends in a number.
    """
    try:
        return str(ipaddress.ip_address(host)) == host
    except ValueError:
        pass
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return False
    return not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1])


def _is_public_4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _FORBIDDEN_4)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address in _NAT64:  # a network without IPv4 reaches public IPv4 hosts like this
        return _is_public_4(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _UNICAST_6 and not any(address in network for network in _FORBIDDEN_6)
