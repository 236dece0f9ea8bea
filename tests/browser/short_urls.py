"""A second API process of a running stack, whose presigned PUTs end after a second."""

import asyncio
import contextlib
import os
import sys

import httpx

from app.local.attached import attached_environment
from app.local.ports import Ports, choose_ports


@contextlib.asynccontextmanager
async def api_with_short_urls(running, storage_url):
    """Its address."""
    port = choose_ports(Ports()).api
    variables = {**os.environ, "MINIO_PUBLIC_URL": storage_url, "UPLOAD_URL_TTL_SECONDS": "1"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "api", "--port", str(port)),
        env=attached_environment(running.data_dir, variables),
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        await _answers(f"http://127.0.0.1:{port}/health/live", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _answers(url, process):
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None:
            with contextlib.suppress(httpx.TransportError):
                await client.get(url)
                return
            await asyncio.sleep(0.05)
    raise AssertionError("it did not start")
