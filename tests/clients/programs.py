"""Programs that do the whole flow, each with a client that people use: those of docs/clients.md, and some beside."""

import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent
_DOCUMENT = _HERE.parents[1] / "docs" / "clients.md"


@dataclass(frozen=True)
class Program:
    """`command` runs it in a folder of its own, where `file` holds `source`. `needs` are the programs that it takes."""

    client: str
    needs: tuple[str, ...]
    command: tuple[str, ...]
    file: str = ""
    source: Callable[[], str] = str

    @property
    def missing(self) -> list[str]:
        return [program for program in self.needs if shutil.which(program) is None]


def documented(heading: str) -> str:
    """The code under a heading of docs/clients.md."""
    section = _DOCUMENT.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"^```\w+\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return str(code)


def _python(name: str, program: str) -> Program:
    return Program(name, (), (sys.executable, str(_HERE / program)))


def _generated(name: str, script: str, *needs: str) -> Program:
    """A client that a script makes of the OpenAPI document; its tools are in this virtual environment or npm's."""
    tools = str(Path(sys.executable).parent)
    return Program(name, needs, ("bash", "-euo", "pipefail", str(_HERE / script), tools))


PROGRAMS = (
    Program("curl", ("curl", "jq"), ("bash", "-euo", "pipefail", "flow.sh"), "flow.sh", lambda: documented("curl")),
    Program("httpx", (), (sys.executable, "flow.py"), "flow.py", lambda: documented("Python")),
    _python("requests", "with_requests.py"),
    _python("aiohttp", "with_aiohttp.py"),
    Program("Node fetch", ("node",), ("node", "flow.mjs"), "flow.mjs", lambda: documented("Node")),
    Program("axios", ("node", "npm"), ("node", str(_HERE / "with_axios.mjs"))),
    Program("Go net/http", ("go",), ("go", "run", "flow.go"), "flow.go", lambda: documented("Go")),
    Program("Java HttpClient", ("java", "javac"), ("java", "Upload.java"), "Upload.java", lambda: documented("Java")),
    _generated("openapi-python-client", "generated_python.sh", "bash"),
    _generated("openapi-typescript + openapi-fetch", "generated_typescript.sh", "bash", "node", "npm"),
)
