"""What is not what it was declared to be is rejected, said so, and removed."""

import dataclasses
import random

from tests import samples
from tests.stories.verbs import ask, make_ready, put, sample, settled, stored


async def test_html_declared_as_png_is_rejected_and_its_bytes_are_removed(user, anyone, events, root, stack):
    html = samples.html() + f"<!-- {random.random()} -->".encode()
    file = dataclasses.replace(sample("png"), content=html)
    asked = await ask(user, file)
    await put(anyone, asked, html)
    media = await settled(user, asked["id"])

    assert media["status"] == "rejected"
    assert media["rejection_reason"] == "type_mismatch"
    assert media["download_url"] is None
    (event,) = await events.about(asked["id"], until="MediaRejected")
    assert event["rejection_reason"] == "type_mismatch"
    assert await stored(root, stack, html, copies=0) == []
    assert (await user.get(f"/api/v1/media/{asked['id']}/download")).status_code == 409


async def test_what_is_ready_is_kept_where_it_is_served_from_and_nowhere_else(user, anyone, root, stack):
    file = sample("webp")
    await make_ready(user, anyone, file)

    (place,) = await stored(root, stack, file.content, copies=1)
    assert place.startswith(f"{stack['buckets']['media']}/")
