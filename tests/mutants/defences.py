"""One line each that takes a defence away, and the attack that must then succeed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """`old` stands once in `file`; with `new` in its place, `test` fails."""

    file: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        "sql/queries/request_upload.sql",
        "WHERE ($18 = 0 OR $18 > (",
        "WHERE (true OR $18 > (",
        "tests/attacks/test_limit_races.py::test_more_than_twenty_uploads_in_a_minute",
    ),
    Mutant(
        "sql/queries/request_upload.sql",
        "AND ($19::integer = 0 OR u.pending_uploads < $19)",
        "AND ($19::integer = 0 OR u.pending_uploads <= $19)",
        "tests/attacks/test_limit_races.py::test_more_than_fifty_uploads_open",
    ),
    Mutant(
        "sql/queries/request_upload.sql",
        "AND ($20 = 0 OR u.held_bytes + $5 <= $20)",
        "AND ($20 = 0 OR u.held_bytes <= $20)",
        "tests/attacks/test_limit_races.py::test_a_byte_over_the_quota",
    ),
)
