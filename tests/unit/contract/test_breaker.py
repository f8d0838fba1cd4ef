"""The breaker opens after failures in a row, probes with one call, and closes on success."""

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from trueup.contract.breaker import CircuitBreaker

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def opened() -> CircuitBreaker:
    breaker = CircuitBreaker()
    for _ in range(5):
        breaker = breaker.failed(NOW)
    return breaker


def test_it_opens_after_failures_in_a_row_only() -> None:
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker = breaker.failed(NOW)
    assert breaker.ask(NOW) == (breaker, True)
    assert breaker.succeeded().failed(NOW).state == "closed"
    assert breaker.failed(NOW).state == "open"


def test_while_open_nothing_goes() -> None:
    breaker = opened()
    assert breaker.ask(at(29.9)) == (breaker, False)
    assert breaker.wait_s(at(10)) == 20


def test_one_probe_goes_when_the_time_is_up() -> None:
    breaker, may = opened().ask(at(30))
    assert (breaker.state, may) == ("half_open", True)
    assert breaker.ask(at(30)) == (breaker, False)
    assert breaker.succeeded() == CircuitBreaker()


def test_a_failed_probe_doubles_the_time_up_to_the_most() -> None:
    breaker, clock, waits = opened(), 0.0, []
    for _ in range(8):
        waits.append(breaker.wait_s(at(clock)))
        clock += waits[-1]
        breaker, may = breaker.ask(at(clock))
        assert may
        breaker = breaker.failed(at(clock))
    assert waits == [30, 60, 120, 240, 480, 600, 600, 600]


def test_a_probe_that_never_came_back_is_given_up() -> None:
    """The process died with the probe: another may go after its time."""
    breaker, _ = opened().ask(at(30))
    assert not breaker.ask(at(89))[1]
    assert breaker.ask(at(90))[1]


def test_late_answers_of_calls_from_before_change_nothing() -> None:
    breaker = opened()
    assert breaker.succeeded() is breaker
    assert breaker.failed(at(20)) is breaker


def test_a_clock_that_is_set_back_does_not_keep_it_open() -> None:
    breaker = opened()
    assert breaker.ask(at(-3_600))[1]


def test_a_success_forgets_earlier_trips() -> None:
    breaker, _ = opened().ask(at(30))
    breaker = breaker.succeeded()
    for _ in range(5):
        breaker = breaker.failed(at(40))
    assert breaker.wait_s(at(40)) == 30


class BreakerWalk(RuleBasedStateMachine):
    """Any walk of calls and hours: what the breaker promises holds after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = CircuitBreaker()
        self.clock = 0.0
        self.in_a_row = 0
        self.opened_at: float | None = None

    @rule(seconds=st.floats(0, 700))
    def wait(self, seconds: float) -> None:
        self.clock += seconds

    @rule(works=st.booleans())
    def call(self, works: bool) -> None:  # noqa: FBT001 - Hypothesis gives it by name
        before = self.breaker
        self.breaker, may = before.ask(at(self.clock))
        if not may:
            assert before.state != "closed"
            assert before.wait_s(at(self.clock)) > 0
            return
        if before.state == "open":
            assert self.opened_at is not None
            assert self.clock >= self.opened_at + 29.999
            assert self.breaker.ask(at(self.clock))[1] is False  # one probe, not two
        self.in_a_row = 0 if works else self.in_a_row + 1
        was_probe = self.breaker.state == "half_open"
        self.breaker = self.breaker.succeeded() if works else self.breaker.failed(at(self.clock))
        should_open = not works and (was_probe or self.in_a_row >= 5)
        assert (self.breaker.state == "open") == should_open
        if should_open:
            self.opened_at = self.clock

    @invariant()
    def is_whole(self) -> None:
        assert (self.breaker.until is None) == (self.breaker.state == "closed")
        assert 0 <= self.breaker.wait_s(at(self.clock)) <= 600
        assert self.breaker.failures < 5


BreakerWalk.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestBreakerWalk = BreakerWalk.TestCase
