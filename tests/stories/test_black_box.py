"""The stories know nothing of the app: they may not import it, nor anything that does."""

import ast
from pathlib import Path

_TESTS = Path(__file__).parents[1]


def test_no_story_imports_the_app():
    seen, waiting = set(), set(Path(__file__).parent.rglob("*.py"))
    while waiting:
        file = waiting.pop()
        seen.add(file)
        modules = imported(file)
        assert not {name for name in modules if name.partition(".")[0] == "app"}, file
        waiting |= {found for name in modules for found in own_files(name)} - seen
    assert _TESTS / "samples.py" in seen


def imported(file):
    """Names of the modules that a file may import; those of `from a import b` are a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, file
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own_files(name):
    """The file of a module of the tests."""
    path = _TESTS.parent / name.replace(".", "/")
    return {
        found
        for found in (path.with_suffix(".py"), path / "__init__.py")
        if found.is_relative_to(_TESTS) and found.exists()
    }
