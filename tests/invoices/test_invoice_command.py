"""`media invoice`: render offline, verify, replay."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pikepdf
import pytest

from app.media import ObjectAddress
from tests.invoices.orders import SAMPLES, generated, order
from tests.story import download, write

ROOT = Path(__file__).parents[2]
NOVEMBER = ["--from", "2020-01-01", "--to", "2100-01-01"]


@pytest.fixture
def media(environment, tmp_path):
    """The program, in a folder of its own."""

    async def run(*arguments, settings=environment):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "invoice", *map(str, arguments)),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    return run


@pytest.fixture
def downloaded(make, api, storage, service, tmp_path):
    """An invoice that was issued, as a file."""

    async def downloaded(ordered):
        made = (await make(ordered)).json()
        path = tmp_path / "issued.pdf"
        path.write_bytes((await download(api, storage, service, made["id"])).content)
        return made, path

    return downloaded


async def test_it_renders_without_any_setting_what_the_service_renders(media, downloaded, tmp_path):
    ordered = order()
    (tmp_path / "order.json").write_text(json.dumps(ordered))
    code, said, _ = await media("render", "order.json", "-o", "offline.pdf", settings={})
    assert (code, ordered["invoice_number"] in said) == (0, True)
    _, issued = await downloaded(ordered)
    assert (tmp_path / "offline.pdf").read_bytes() == issued.read_bytes()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data["totals"].update(total="1.00"), "invoice_data.totals.total is 1.00, expected 1180.00"),
        (lambda data: data.update(colour="red"), "invoice_data.colour is not known here"),
    ],
    ids=["a wrong sum", "an unknown field"],
)
async def test_it_says_what_is_wrong_with_an_order(media, tmp_path, change, says):
    ordered = order()
    change(ordered["invoice_data"])
    (tmp_path / "order.json").write_text(json.dumps(ordered))
    code, _, said = await media("render", "order.json", "-o", "offline.pdf", settings={})
    assert code == 1
    assert says in said
    assert not (tmp_path / "offline.pdf").exists()


async def test_it_knows_an_issued_invoice(media, downloaded):
    made, issued = await downloaded(ordered := order())
    code, said, _ = await media("verify", issued)
    assert code == 0
    assert said == f"{issued}: {ordered['invoice_number']}, version 1, media object {made['id']}: untouched\n"


async def test_it_knows_a_changed_one(media, downloaded):
    _, issued = await downloaded(order())
    issued.write_bytes(issued.read_bytes() + b"\n")
    code, said, _ = await media("verify", issued)
    assert code == 1
    assert "CHANGED since it was issued" in said


async def test_it_knows_no_other(media, tmp_path):
    (tmp_path / "other.pdf").write_bytes(b"%PDF-1.7\n%%EOF")
    await media("render", SAMPLES / "one-line.json", "-o", "never-issued.pdf")
    for name, says in (("other.pdf", "no invoice of this service"), ("never-issued.pdf", "has not made")):
        code, said, _ = await media("verify", name)
        assert code == 1
        assert says in said


@pytest.mark.parametrize("what", ["a filter", "a version"])
async def test_it_outlives_files_that_were_tampered_with(media, downloaded, tmp_path, what):
    _, issued = await downloaded(order())
    if what == "a filter":
        (tmp_path / "bad.pdf").write_bytes(issued.read_bytes().replace(b"/FlateDecode", b"/FlateDecoDe"))
    else:
        document = {**_document(order()), "version": 2**40}
        with pikepdf.open(issued) as pdf:
            pdf.attachments["invoice.json"] = json.dumps(document).encode()
            pdf.save(tmp_path / "bad.pdf")
    code, said, err = await media("verify", "bad.pdf")
    assert (code, err) == (1, "")
    assert "no invoice of this service" in said


async def test_it_says_where_it_can_not_write(media):
    code, _, said = await media("render", SAMPLES / "one-line.json", "-o", "nowhere/x.pdf", settings={})
    assert code == 1
    assert "nowhere/x.pdf can't be written" in said
    assert "Traceback" not in said


async def test_it_renders_what_billing_publishes(media, tmp_path):
    (tmp_path / "event.json").write_bytes(generated(order()))
    code, _, said = await media("render", "event.json", "-o", "x.pdf", settings={})
    assert (code, said) == (0, "")


async def test_a_replay_tells_of_bytes_that_are_others(media, make, rows, administrator):
    made = (await make(order())).json()
    address = ObjectAddress(
        *await rows.fetchrow("SELECT bucket_name, storage_path FROM media.media_objects WHERE id = $1", made["id"])
    )
    await write(administrator, address, b"%PDF other", "application/pdf")
    code, said, _ = await media("replay", *NOVEMBER)
    assert code == 1
    assert json.loads(said.splitlines()[0])["outcome"] == "changed"


async def test_a_replay_needs_a_time_that_has_a_length(media):
    code, _, said = await media("replay", "--from", "2026-12-01", "--to", "2026-11-01")
    assert code == 2
    assert "--to is not after --from" in said


async def test_a_replay_puts_back_what_storage_has_lost(media, make, api, storage, service, rows, administrator):
    made = [(await make(order())).json() for _ in range(3)]
    before = (await download(api, storage, service, made[1]["id"])).content
    lost = await rows.fetchrow("SELECT bucket_name, storage_path FROM media.media_objects WHERE id = $1", made[1]["id"])
    await _lose(administrator, ObjectAddress(*lost))
    code, said, _ = await media("replay", *NOVEMBER)
    put_back, summary = map(json.loads, said.splitlines())
    assert (code, put_back["media_id"], put_back["outcome"]) == (0, made[1]["id"], "put back")
    assert summary == {"kind": "summary", "there": 2, "put back": 1}
    assert (await download(api, storage, service, made[1]["id"])).content == before
    assert await rows.fetchval("SELECT count(*) FROM media.outbox") == 3, "nothing new is announced"


async def test_a_replay_puts_back_nothing_else(media, make, rows, administrator, environment, tmp_path):
    """The template is another one than when the invoice was issued."""
    made = (await make(order())).json()
    lost = await rows.fetchrow("SELECT bucket_name, storage_path FROM media.media_objects WHERE id = $1", made["id"])
    await _lose(administrator, ObjectAddress(*lost))
    (tmp_path / "invoice.typ").write_text('#set document(title: "x")\n= Another')
    code, said, _ = await media("replay", *NOVEMBER, settings={**environment, "INVOICE_TEMPLATE_DIR": str(tmp_path)})
    assert code == 1
    assert json.loads(said.splitlines()[0])["outcome"] == "differs"
    assert [listed async for listed in administrator.list_objects(lost[0], prefix=lost[1])] == []


async def test_a_replay_makes_what_nobody_completed(media, rows, environment):
    ordered = order()
    document = json.dumps(_document(ordered))
    await rows.execute(
        """INSERT INTO media.invoices
               (invoice_number, version, invoice_id, order_sha256, document, bucket_name, storage_path)
           VALUES ($1, 1, $2, 'hash', $3, $4, $5)""",
        ordered["invoice_number"],
        ordered["invoice_id"],
        document,
        environment["MINIO_BUCKET_INVOICES"],
        f"invoices/{ordered['invoice_number']}.pdf",
    )
    code, said, _ = await media("replay", *NOVEMBER)
    assert code == 0
    assert [json.loads(line).get("outcome") for line in said.splitlines()] == ["made", None]
    assert await rows.fetchval("SELECT status FROM media.media_objects") == "ready"


async def _lose(administrator, address):
    async for listed in administrator.list_objects(address.bucket, prefix=address.key, include_version=True):
        await administrator.remove_object(address.bucket, address.key, version_id=listed.version_id)


def _document(ordered):
    """What the row of an order keeps."""
    return {**ordered, "format": 1, "issuer": json.loads((SAMPLES / "issuer.json").read_text())}
