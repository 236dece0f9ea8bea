"""The flow with aiohttp."""

import asyncio
import os
from pathlib import Path

import aiohttp


async def flow(content: bytes) -> bytes:
    api = f"{os.environ['API']}/api/v1/media"
    authorization = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
    wanted = {"file_name": "photo.png", "mime_type": "image/png", "file_size": len(content)}
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        async with http.post(f"{api}/upload", json=wanted, headers=authorization) as answer:
            asked = await answer.json()
        upload = asked["upload"]
        await http.put(upload["url"], data=content, headers=upload["headers"])
        async with http.get(f"{api}/{asked['id']}", headers={**authorization, "Prefer": "wait=20"}) as answer:
            media = await answer.json()
        assert media["status"] == "ready", media
        async with http.get(f"{api}/{asked['id']}/download", headers=authorization) as served:
            return await served.read()


Path(os.environ["OUT"]).write_bytes(asyncio.run(flow(Path(os.environ["FILE"]).read_bytes())))
