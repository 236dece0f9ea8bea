"""The document's patterns are ECMA-262's and mean there what they mean to the service."""

import json
import re
import shutil
import subprocess

import pytest

# In unicode mode, as JSON Schema says (2020-12, 6.4). Answers a row of verdicts for each pattern.
_PROGRAM = """
const { patterns, texts } = JSON.parse(require("fs").readFileSync(0));
const verdicts = patterns.map((pattern) => {
  const compiled = new RegExp(pattern, "u");
  return texts.map((text) => Number(compiled.test(text))).join("");
});
console.log(JSON.stringify(verdicts));
"""
# Every character of the scripts, the signs and the specials of the lowest plane, and the edges of the others.
_CHARACTERS = [chr(code) for code in (*range(0x3200), *range(0xA000, 0xA010), *range(0xD7F0, 0xD800))] + [
    chr(code)
    for start in (0xE000, 0xF8F0, 0xFDC0, 0xFE00, 0xFF90, 0xFFF0, *range(0x1_FFF0, 0x11_0000, 0x1_0000), 0xE_0000)
    for code in range(start, min(start + 0x210, 0x11_0000))
]
_SHAPES = ("{}", "a{}", "{}a", "{0}@{0}", "a@b{}", "12{}", "AB{}", "27AAPFU0939F1Z{}", "-{}", "a{0}{0}\n", "ab-r{}")
_WHOLE = (
    "1180.00",
    "-0.00",
    "100.000",
    "100.5",
    "FY26-INV-1",
    "FY26-r2",
    "asha@example.com",
    "+91 22 5550 1000",
    "a" * 201,
)


def patterns_of(node):
    if isinstance(node, dict):
        yield from [node["pattern"]] if isinstance(node.get("pattern"), str) else []
        for child in node.values():
            yield from patterns_of(child)
    elif isinstance(node, list):
        for child in node:
            yield from patterns_of(child)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_each_pattern_lets_through_what_the_service_does(document):
    patterns = sorted(set(patterns_of(document)))
    assert len(patterns) > 15
    texts = [shape.format(character) for shape in _SHAPES for character in _CHARACTERS] + list(_WHOLE)
    given = json.dumps({"patterns": patterns, "texts": texts})
    node = subprocess.run(["node", "-e", _PROGRAM], input=given, capture_output=True, text=True, check=False)
    assert node.returncode == 0, node.stderr
    for pattern, verdicts in zip(patterns, json.loads(node.stdout), strict=True):
        compiled = re.compile(pattern)  # as msgspec does
        expected = [bool(compiled.search(text)) for text in texts]
        differing = [
            text for text, there, here in zip(texts, verdicts, expected, strict=True) if (there == "1") != here
        ]
        assert differing == [], pattern
