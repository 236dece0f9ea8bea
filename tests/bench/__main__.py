"""`make bench`: how fast the service is on this machine, beside what storage alone takes. Asserts nothing.

Starts a stack for each mode. For figures that mean something the machine does nothing else meanwhile.
"""

import time

import uvloop

from tests.bench.finalizing import in_place, quarantine
from tests.bench.invoices import invoices
from tests.bench.requesting import requests_per_second
from tests.bench.signing import microseconds_per_url
from tests.bench.table import Table
from tests.stories.running import media_run

_VARIABLES = {
    "SWEEP_INTERVAL_SECONDS": "600",  # no sweep is to be faster than the notification that is measured
    "UPLOAD_RATE_PER_MINUTE": "0",
    "MAX_PENDING_UPLOADS": "0",
    "REQUEST_RATE_PER_MINUTE": "1000000000",  # counted, and never reached
    "LOG_LEVEL": "WARNING",
}


def main() -> None:
    began = time.monotonic()
    table = Table()
    with media_run("in place", **_VARIABLES) as running:
        uvloop.run(in_place(running.stack, table))
        table.rate("POST /upload, 16 connections", uvloop.run(requests_per_second(running.stack)))
    with media_run("quarantine", **_VARIABLES) as running:
        uvloop.run(quarantine(running.stack, table))
    invoices(table)
    table.ratio("presigning a PUT", *microseconds_per_url())
    table.print(f"{time.monotonic() - began:.0f} s")


main()
