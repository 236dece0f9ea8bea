"""veraPDF, the validator of the PDF Association: fetched once from Maven Central, checked, kept in the user's cache."""

import os
import shutil
import subprocess
import urllib.request
from hashlib import sha256
from pathlib import Path

import pytest

VERSION = "1.28.2"
SHA256 = "687d4d8bcfec48c9f7e931cf78ed061f1eeccfba55d4cdc000ba9b4d8aa46ce6"
URL = f"https://repo.maven.apache.org/maven2/org/verapdf/apps/greenfield-apps/{VERSION}/greenfield-apps-{VERSION}.jar"

_JAVA = shutil.which("java")
needs_java = pytest.mark.skipif(_JAVA is None, reason="java is not installed")


def verapdf_says(flavour, *files):
    """`PASS a.pdf 3b` for each file, and what is wrong with those that fail. Flavours: 3b, ua1."""
    command = [_JAVA, "-cp", _jar(), "org.verapdf.apps.GreenfieldCliWrapper", "-f", flavour, "--format", "text", "-v"]
    done = subprocess.run([*command, *files], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout.splitlines()


def _jar():
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "media-service"
    jar = cache / f"verapdf-{VERSION}.jar"
    if not jar.exists():
        fetched = _fetched()
        assert sha256(fetched).hexdigest() == SHA256, f"{URL} is not what it was"
        cache.mkdir(parents=True, exist_ok=True)
        whole = jar.with_suffix(f".{os.getpid()}")
        whole.write_bytes(fetched)
        whole.rename(jar)
    return jar


def _fetched():
    try:
        with urllib.request.urlopen(URL, timeout=20) as answer:
            return answer.read()
    except OSError as error:
        pytest.skip(f"veraPDF can't be fetched from Maven Central: {error}")
