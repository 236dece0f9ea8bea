"""Every refusal has a status and a code of its own, and the tree at the head of errors.py is the tree."""

import re

from app import errors
from app.api.problems import STATUS
from app.errors import Refusal


def leaves(of):
    below = of.__subclasses__()
    return {of} if not below else set().union(*(leaves(child) for child in below))


def test_every_refusal_is_mapped_to_a_status():
    assert leaves(Refusal) == set(STATUS)


def test_every_code_is_one_refusal_s():
    codes = [refusal.code for refusal in STATUS]
    assert len(codes) == len(set(codes))


def test_the_tree_that_is_drawn_is_the_tree_that_is():
    drawn = dict(re.findall(r"── (\w+) +(\w+)$", errors.__doc__, re.MULTILINE))
    assert drawn == {refusal.__name__: refusal.code for refusal in STATUS}
