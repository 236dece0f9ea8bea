"""RequestRate, by a clock that the test turns."""

import pytest

from app.api import request_rate
from app.api.request_rate import RequestRate, network_of
from app.errors import RequestRateExceeded


class Clock:
    now = 50.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def admitted(rate, caller, tries):
    """How many of them."""
    count = 0
    for _ in range(tries):
        try:
            rate.admit(caller)
        except RequestRateExceeded:
            continue
        count += 1
    return count


@pytest.mark.parametrize("limit", [1, 7, 60, 6_000])
def test_a_minute_s_worth_is_admitted_at_once_and_no_more(clock, limit):
    assert admitted(RequestRate(limit, clock), "a", 2 * limit) == limit


@pytest.mark.parametrize("limit", [1, 7, 60, 6_000])
def test_it_fills_again_evenly(clock, limit):
    rate = RequestRate(limit, clock)
    admitted(rate, "a", limit)
    clock.now += 30
    assert admitted(rate, "a", limit) == limit // 2
    clock.now += 600
    assert admitted(rate, "a", 2 * limit) == limit


def test_who_is_refused_may_come_again_when_it_was_told(clock):
    rate = RequestRate(4, clock)
    admitted(rate, "a", 4)
    with pytest.raises(RequestRateExceeded) as refusal:
        rate.admit("a")
    assert refusal.value.retry_after_seconds == 15
    clock.now += 15
    rate.admit("a")


def test_being_refused_costs_nothing(clock):
    rate = RequestRate(60, clock)
    admitted(rate, "a", 10_000)
    clock.now += 1
    assert admitted(rate, "a", 2) == 1


def test_callers_do_not_share(clock):
    rate = RequestRate(5, clock)
    assert [admitted(rate, caller, 9) for caller in ("a", "b", "c")] == [5, 5, 5]


def test_looking_counts_nothing(clock):
    rate = RequestRate(2, clock)
    for _ in range(9):
        rate.check("a")
    assert admitted(rate, "a", 9) == 2
    with pytest.raises(RequestRateExceeded):
        rate.check("a")


def test_zero_is_no_limit(clock):
    rate = RequestRate(0, clock)
    assert admitted(rate, "a", 10_000) == 10_000
    rate.check("a")


def test_those_who_are_quiet_are_forgotten(clock):
    rate = RequestRate(60, clock)
    for caller in range(1_000):
        rate.admit(caller)
    clock.now += 5
    for caller in range(1_000):
        rate.admit(("new", caller))
    assert len(rate._full_at) <= 1_001


def test_memory_is_bounded_however_many_come(clock, monkeypatch):
    monkeypatch.setattr(request_rate, "_MOST_CALLERS", 100)
    rate = RequestRate(60, clock)
    admitted(rate, "busy", 60)
    for caller in range(1_000):
        rate.admit(caller)
        assert admitted(rate, "busy", 1) == 0  # it is not forgotten while it tries
    assert len(rate._full_at) <= 100


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::"),
        ("2001:db8:0:1::1", "2001:db8:0:1::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("unknown", "elsewhere"),
        ("", "elsewhere"),
        (None, "elsewhere"),
    ],
)
def test_an_ipv6_network_is_one_caller(host, network):
    assert network_of(host) == network
