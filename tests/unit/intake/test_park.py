"""Parked events of one root cause are one cluster."""

import pytest

from trueup.intake.park import RETRY_DELAYS_S, cluster_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 1001 is odd", "order 77 is odd"),
        ("found 'red'", "found 'green'"),
        ('found "red"', 'found "a b c"'),
        ("key `a` taken", "key `b` taken"),
        ("hash deadbeef01 wrong", "hash 0123456789abcdef wrong"),
        ("Key (a, b)=(1, 22)", "Key (a, b)=(3, 4)"),
    ],
)
def test_numbers_and_names_do_not_make_another_cluster(one: str, other: str) -> None:
    assert cluster_of("t", "c", one) == cluster_of("t", "c", other)


def test_cause_topic_and_words_make_another_cluster() -> None:
    found = {
        cluster_of("t", "c", "a"),
        cluster_of("t", "d", "a"),
        cluster_of("u", "c", "a"),
        cluster_of("t", "c", "b"),
    }
    assert len(found) == 4


@pytest.mark.parametrize("detail", ["x" * 5_000, "a\x00b", "\ud800", "'" * 999, ""])
def test_any_text_makes_a_cluster_that_the_database_takes(detail: str) -> None:
    cluster = cluster_of("t", "c", detail)
    assert len(cluster) < 250
    assert "\x00" not in cluster
    assert cluster.encode()


def test_tries_wait_longer_each_time() -> None:
    assert list(RETRY_DELAYS_S) == sorted(RETRY_DELAYS_S)
    assert len(RETRY_DELAYS_S) == 3
