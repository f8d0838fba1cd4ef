"""Every spelling of an address that is not public is seen through."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.contract.address import is_plain_host, is_public

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "23.227.38.65",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "192.167.0.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "64:ff9b::808:808",
]
NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 - an address to be refused, not one to listen on
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "127.0.0.1",
    "127.0.0.53",
    "127.1.2.3",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::7f00:1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:7f00:1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "fc00::1",
    "fd00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "4000::1",
    "5f00::1",
]
ODD_HOSTS = [
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.1",
    "127.1",
    "127.0.1",
    "127.0.0.01",
    "127.0.0.0x1",
    "00.0.0.0",
    "0",
    "0x0",
    "0x",
    "4294967295",
    "3232235521",
    "192.168.1",
    "10.1",
    "169.254.43518",
    "0xa9fea9fe",
    "1.2.3.4.5",
    "256.256.256.256",
    "127.0.0.1.",
    "host.123",
    "host.0x7f",
    "0:0:0:0:0:0:0:1",
    "::FFFF:127.0.0.1",
    "0000::1",
    "",
    ".",
    "a..b",
    "-a.example",
    "a-.example",
    "a b",
    "a/b",
    "a%00b",
    "a\\b",
    "a@b",
    "a:80",
    "[::1]",
    "\uff41.example",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "Ⅷ.example",
    "LOCALHOST",
    "a" * 64 + ".example",
    "a." * 127 + "example",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("host", ODD_HOSTS)
def test_odd_hosts_are_no_plain_hosts(host: str) -> None:
    assert not is_plain_host(host)
    assert not is_public(host) or ipaddress.ip_address(host)


@pytest.mark.parametrize(
    "host",
    ["shop.example", "a-b.c1.example", "xn--bcher-kva.example", "8.8.8.8", "::1", "a_b.example"],
)
def test_plain_hosts(host: str) -> None:
    assert is_plain_host(host)


@given(st.ip_addresses())
def test_what_is_public_is_global_and_never_multicast(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(str(address)) and address not in ipaddress.ip_network("64:ff9b::/96"):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_private


@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    assert is_public(text) in {True, False}
    assert is_plain_host(text) in {True, False}
