"""How often someone may ask: a bucket each, in this process alone. Pure but for the clock that is handed in.

The generic cell rate algorithm (ITU-T I.371): of each caller one time is kept, the one at which its bucket will be full
again. A request is admitted and costs constant time; those who are quiet cost nothing.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from app.errors import RequestRateExceeded

_MINUTE_SECONDS: Final = 60.0
_ROUNDING_SECONDS: Final = 1e-6
# 10 MB. Who is forgotten when more callers than this are busy at once has a full bucket again: nobody loses by it.
_MOST_CALLERS: Final = 50_000


class RequestRate:
    """Admits `per_minute` requests at once, and as many a minute in the long run, of each caller; 0 is no limit."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._cost = _MINUTE_SECONDS / per_minute if per_minute else 0.0
        self._clock = clock
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def admit(self, caller: Hashable) -> None:
        """Count a request. Raises RequestRateExceeded, and counts nothing, where the bucket is empty."""
        if not self._per_minute:
            return
        now = self._clock()
        if caller in self._full_at:
            self._full_at.move_to_end(caller)
        self._full_at[caller] = self._next(caller, now)
        self._forget_one(now)

    def check(self, caller: Hashable) -> None:
        """Raises RequestRateExceeded where a request would not be admitted. Counts nothing."""
        if self._per_minute:
            self._next(caller, self._clock())

    def _next(self, caller: Hashable, now: float) -> float:
        """When the bucket will be full again after one more request. Raises RequestRateExceeded if it is empty."""
        full_at = max(self._full_at.get(caller, now), now) + self._cost
        early = full_at - now - _MINUTE_SECONDS
        if early > _ROUNDING_SECONDS:
            raise RequestRateExceeded(self._per_minute, max(1, math.ceil(early - _ROUNDING_SECONDS)))
        return full_at

    def _forget_one(self, now: float) -> None:
        """The one who was quiet for longest, if the bucket is full or the room is needed."""
        longest_quiet = next(iter(self._full_at))
        if self._full_at[longest_quiet] <= now or len(self._full_at) > _MOST_CALLERS:
            del self._full_at[longest_quiet]


@lru_cache(maxsize=4_096)
def network_of(host: str | None) -> str:
    """Who shares an address: an IPv4 address stands for itself, an IPv6 one for its /64, which one customer has."""
    try:
        address = ip_address(host or "")
    except ValueError:
        return "elsewhere"
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))
