"""The flow with requests."""

import os
from pathlib import Path

import requests

api = f"{os.environ['API']}/api/v1/media"
authorization = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
file = Path(os.environ["FILE"])

wanted = {"file_name": "photo.png", "mime_type": "image/png", "file_size": file.stat().st_size}
asked = requests.post(f"{api}/upload", json=wanted, headers=authorization, timeout=60).json()
with file.open("rb") as body:
    requests.put(asked["upload"]["url"], headers=asked["upload"]["headers"], data=body, timeout=60).raise_for_status()
media = requests.get(f"{api}/{asked['id']}", headers={**authorization, "Prefer": "wait=20"}, timeout=60).json()
assert media["status"] == "ready", media
served = requests.get(f"{api}/{asked['id']}/download", headers=authorization, timeout=60)
served.raise_for_status()
Path(os.environ["OUT"]).write_bytes(served.content)
