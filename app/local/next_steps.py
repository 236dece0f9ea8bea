"""What a person needs once the stack answers. What is to be copied works as printed, in any folder: a test runs it."""

import shlex
import shutil
import sys
from pathlib import Path

from app.local.data_folder import DataFolder
from app.local.stack_file import StackFile


def next_steps(stack: StackFile, folder: DataFolder, verdict: str) -> str:
    """`verdict` is the line of `store_verdict`."""
    tokens = "\n".join(f"  export {name.upper()}_TOKEN={token}" for name, token in stack.tokens.items())
    return f"""
The media service answers.

  API    {stack.api_url}
  docs   {stack.api_url}/docs
  mode   {verdict}
  more   {folder.stack_file} has all addresses and process ids; logs are in {folder.path / "logs"}

Bearer tokens, good for a month; `media token --help` makes others:

{tokens}

Upload a file (FILE=… chooses another one), wait until it is ready, download it:

{_three_lines(folder)}

By hand it begins with:

{_curl_line(stack)}

Ctrl-C stops everything.
"""


def _three_lines(folder: DataFolder) -> str:
    media, data_dir = _program(), f"--data-dir {shlex.quote(str(folder.path))}"
    return f"""\
  FILE=${{FILE:-{shlex.quote(str(folder.sample))}}}; ID=$({media} upload {data_dir} --no-wait "$FILE")
  {media} wait {data_dir} "$ID"
  {media} download {data_dir} "$ID" --output "copy-of-$(basename "$FILE")\""""


def _curl_line(stack: StackFile) -> str:
    asked = '{"file_name": "a.png", "mime_type": "image/png", "file_size": 68}'
    return f"""\
  curl -H "Authorization: Bearer $USER_TOKEN" {stack.api_url}/api/v1/media/upload --json '{asked}'"""


def _program() -> str:
    """This very program by its whole path, as it need not be on PATH."""
    program = shutil.which("media", path=str(Path(sys.executable).parent))
    return shlex.quote(program) if program else f"{shlex.quote(sys.executable)} -m app"
