"""The vault: what is sealed opens with its key, its identity and its bytes, or not at all."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.errors import ConfigError, InvariantBroken
from trueup.govern.vault import Vault, load_master_key

KEY = bytes(range(32))
VAULT, OTHER = Vault(KEY), Vault(bytes(32))
DARK = b"\x01" + bytes(12)


@given(plain=st.binary(max_size=5_000), identity=st.binary(max_size=50))
def test_a_body_opens_again(plain: bytes, identity: bytes) -> None:
    sealed, wrapped = VAULT.seal_body(plain, identity)
    key = VAULT.open_event_key(wrapped)
    assert key is not None
    assert VAULT.open_body(sealed, key, identity) == plain
    assert plain not in sealed or len(plain) < 4


def test_the_same_body_is_never_sealed_alike() -> None:
    first, second = VAULT.seal_body(b"a", b"1"), VAULT.seal_body(b"a", b"1")
    assert first[0] != second[0]
    assert first[1] != second[1]


@given(place=st.integers(1, 10_000), bit=st.integers(0, 7))
def test_a_changed_bit_is_noticed(place: int, bit: int) -> None:
    sealed, wrapped = VAULT.seal_body(b"a body of some length, to be changed", b"id")
    key = VAULT.open_event_key(wrapped)
    assert key is not None
    broken = bytearray(sealed)
    broken[1 + place % (len(sealed) - 1)] ^= 1 << bit
    with pytest.raises(InvariantBroken):
        VAULT.open_body(bytes(broken), key, b"id")


def test_a_body_opens_under_its_own_identity_only() -> None:
    sealed, wrapped = VAULT.seal_body(b"x", b"1\x1fone")
    key = VAULT.open_event_key(wrapped)
    assert key is not None
    with pytest.raises(InvariantBroken):
        VAULT.open_body(sealed, key, b"1\x1ftwo")


def test_another_master_key_opens_nothing() -> None:
    sealed, wrapped = VAULT.seal_body(b"x", b"id")
    assert OTHER.open_event_key(wrapped) is None
    _, person = VAULT.new_person_key()
    with pytest.raises(InvariantBroken):
        OTHER.open_person_key(person)
    with pytest.raises(ConfigError):
        OTHER.open_secret(VAULT.seal_secret(b"s", b"1"), b"1")
    assert sealed


def test_an_event_goes_dark_with_its_person() -> None:
    sealed, wrapped = VAULT.seal_body(b"x", b"id")
    key = VAULT.open_event_key(wrapped)
    assert key is not None
    person_key, person_wrapped = VAULT.new_person_key()
    assert VAULT.open_person_key(person_wrapped) == person_key
    rewrapped = VAULT.wrap_for_person(key, person_key)
    assert VAULT.open_event_key(rewrapped, person_key) == key
    later_key, _ = VAULT.new_person_key()
    assert VAULT.open_event_key(rewrapped, later_key) is None
    assert VAULT.open_event_key(rewrapped) is None
    assert VAULT.open_body(sealed, key, b"id") == b"x"


def test_a_destroyed_key_opens_as_nothing_and_does_not_raise() -> None:
    assert VAULT.open_event_key(DARK) is None
    with pytest.raises(InvariantBroken):
        VAULT.open_event_key(b"\x02" + bytes(40))


def test_personal_fields_open_under_their_person_and_place_only() -> None:
    key, _ = VAULT.new_person_key()
    other, _ = VAULT.new_person_key()
    sealed = VAULT.seal_personal(b"mail", key, b"1\x1forder\x1f5")
    assert VAULT.open_personal(sealed, key, b"1\x1forder\x1f5") == b"mail"
    assert VAULT.open_personal(sealed, key, b"1\x1forder\x1f6") is None
    assert VAULT.open_personal(sealed, other, b"1\x1forder\x1f5") is None


def test_a_secret_opens_for_its_connection_only() -> None:
    sealed = VAULT.seal_secret(b"s3cret", b"1\x1ftoken")
    assert VAULT.open_secret(sealed, b"1\x1ftoken") == b"s3cret"
    with pytest.raises(ConfigError):
        VAULT.open_secret(sealed, b"2\x1ftoken")


def test_an_index_finds_equal_values_and_says_nothing_else() -> None:
    assert VAULT.index("email", "a@x") == VAULT.index("email", "a@x")
    found = {VAULT.index("email", "a@x"), VAULT.index("phone", "a@x"), VAULT.index("email", "b@x")}
    assert len(found | {OTHER.index("email", "a@x")}) == 4
    assert all(len(digest) == 16 for digest in found)


def test_the_key_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "master.key"
    with pytest.raises(ConfigError, match="can not be read"):
        load_master_key(path, create=False)
    key = load_master_key(path, create=True)
    assert load_master_key(path, create=True) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["master.key"]
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_master_key(path, create=False)
    path.chmod(0o600)
    for wrong in ("", "zz" * 32, "00" * 31, os.urandom(16).hex()):
        path.write_text(wrong)
        with pytest.raises(ConfigError, match="64 hexadecimal"):
            load_master_key(path, create=False)


def test_a_master_key_has_32_bytes() -> None:
    with pytest.raises(InvariantBroken):
        Vault(b"short")
