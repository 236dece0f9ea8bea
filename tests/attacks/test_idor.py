"""What someone gets at who knows an id that is not theirs: what the table in app/access.py gives them, and no more.

Every operation of the API's schema is tried by everyone whom the table knows. One that is new and not tried here fails.
"""

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import jwt
import pytest

from app.access import Action, Standing, Verdict, verdict
from tests.attacks.conftest import ROOM, SOCKET_MODE
from tests.attacks.serving import api_process, database_of_one_s_own
from tests.invoices.orders import minimal
from tests.story import ask, complete, make_ready, unique_png

# A table's row says what one relation gives. Who calls stands in these at once.
HELD = {
    Standing.NOBODY: {Standing.NOBODY},
    Standing.LINK_HOLDER: {Standing.LINK_HOLDER},
    Standing.USER: {Standing.USER},
    Standing.CONTEXT_HOLDER: {Standing.USER, Standing.CONTEXT_HOLDER},
    Standing.UPLOADER: {Standing.USER, Standing.UPLOADER},
    Standing.SERVICE: {Standing.SERVICE},
    Standing.READER: {Standing.SERVICE, Standing.READER},
    Standing.WRITER: {Standing.SERVICE, Standing.WRITER},
    Standing.LINKER: {Standing.SERVICE, Standing.LINKER},
    Standing.INVOICER: {Standing.SERVICE, Standing.INVOICER},
    Standing.ADMIN: {Standing.USER, Standing.ADMIN},
}
SCOPES = {
    Standing.SERVICE: "",
    Standing.READER: "media:read",
    Standing.WRITER: "media:write",
    Standing.LINKER: "media:links",
    Standing.INVOICER: "media:invoices",
}
MOST_FIRST = (Verdict.ALLOWED, Verdict.NOT_ALLOWED, Verdict.NOT_FOUND, Verdict.NOT_AUTHENTICATED)


@dataclass(frozen=True)
class Target:
    """A ready, public media object of someone in a context."""

    id: str
    owner: uuid.UUID
    context: uuid.UUID
    token: str


@dataclass(frozen=True)
class Caller:
    """Who asks: headers and, in `id`, who the audit would say it was."""

    headers: dict
    id: uuid.UUID | None = None
    token: str | None = None


@dataclass(frozen=True)
class Attempt:
    """An operation of the schema, which action of the table it is, and its body."""

    operation: str
    action: Action
    body: Callable[[Target], dict] | None = None
    # Where it is allowed and yet can't be done: that it is said shows that it was allowed.
    otherwise: str | None = None


def _wanted(**more):
    return {"file_name": "mine.png", "mime_type": "image/png", "file_size": 9, **more}


def _into(context_type):
    return lambda target: _wanted(context_type=context_type, context_id=str(target.context))


ATTEMPTS = {
    "ask for an upload": Attempt("requestUpload", Action.UPLOAD, lambda _: _wanted()),
    "ask for many uploads": Attempt("requestUploads", Action.UPLOAD, lambda _: {"uploads": [_wanted()]}),
    "slip one of many into the context": Attempt(
        "requestUploads", Action.UPLOAD_INTO_CONTEXT, lambda target: {"uploads": [_into("ticket_photo")(target)]}
    ),
    "slip an upload into the context": Attempt("requestUpload", Action.UPLOAD_INTO_CONTEXT, _into("ticket_photo")),
    "forge an invoice": Attempt("requestUpload", Action.UPLOAD_INVOICE, _into("invoice_pdf")),
    "print an invoice": Attempt(
        "generateInvoicePdf", Action.UPLOAD_INVOICE, lambda _: minimal(), otherwise="invoices_not_set_up"
    ),
    "print many invoices": Attempt("generateInvoicePdfs", Action.UPLOAD_INVOICE, lambda _: {"invoices": [minimal()]}),
    "read the metadata": Attempt("getMedia", Action.SEE),
    "get the file": Attempt("downloadMedia", Action.DOWNLOAD),
    "get many files": Attempt("getDownloadUrls", Action.DOWNLOAD_MANY, lambda target: {"ids": [target.id]}),
    "finish the upload": Attempt("completeUpload", Action.COMPLETE),
    "get a URL to write to": Attempt("renewUpload", Action.RENEW, otherwise="media_closed"),
    "rename the file": Attempt("changeMedia", Action.CHANGE, lambda _: {"original_file_name": "taken.png"}),
    "kill the links": Attempt("revokeLinks", Action.REVOKE_LINKS),
    "delete the file": Attempt("deleteMedia", Action.DELETE),
    "list everyone's files": Attempt("listAnyMedia", Action.ADMINISTER),
    "retry the upload": Attempt("retryMedia", Action.ADMINISTER, otherwise="media_closed"),
    "purge the file": Attempt("purgeMedia", Action.ADMINISTER),
    "count everyone's files": Attempt("countMedia", Action.ADMINISTER),
    "read parked messages": Attempt("listParkedMessages", Action.ADMINISTER),
    "replay a message": Attempt("replayParkedMessage", Action.ADMINISTER, otherwise="parked_message_not_found"),
    "replay all messages": Attempt("replayParkedMessages", Action.ADMINISTER),
    "read the audit": Attempt("readAudit", Action.ADMINISTER),
}
LISTED = {"listMedia"}  # anyone with a bearer may ask: what they get is tried below
FOR_EVERYONE = {"health", "live", "ready"}

everyone = pytest.mark.parametrize("standing", list(Standing), ids=lambda standing: standing.name.lower())


@pytest.fixture(scope="module")
def database(stack):
    return database_of_one_s_own(stack)


@pytest.fixture(scope="module")
def served(stack, database, own_nats):
    """An API with a database and a NATS of its own, as an admin of these attacks replays all that is parked."""
    environment = (
        stack.environment(SOCKET_MODE, database) | ROOM | {"NATS_URL": own_nats, "REQUEST_RATE_PER_MINUTE": "0"}
    )
    with api_process(environment) as served:
        yield served


@pytest.fixture
async def rows(database):
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def schema(site):
    """Method and path of every operation."""
    paths = (await site.get("/docs/openapi.json")).json()["paths"]
    return {
        described["operationId"]: (method.upper(), path)
        for path, methods in paths.items()
        for method, described in methods.items()
    }


@pytest.fixture
async def target(site, storage, bearer):
    return await target_of(site, storage, bearer)


async def target_of(site, storage, bearer, **more):
    owner, context = uuid.uuid4(), uuid.uuid4()
    headers = bearer(owner, contexts=[f"ticket_photo:{context}"])
    more = {"context_type": "ticket_photo", "context_id": str(context), "is_public": True} | more
    asked = await make_ready(site, storage, headers, unique_png(), **more)
    media = (await site.get(f"/api/v1/media/{asked['id']}", headers=headers)).json()
    return Target(asked["id"], owner, context, media["download_url"].partition("token=")[2])


def caller_of(standing, target, bearer):
    if standing is Standing.NOBODY:
        return Caller({})
    if standing is Standing.LINK_HOLDER:
        return Caller({}, token=target.token)
    identity = target.owner if standing is Standing.UPLOADER else uuid.uuid4()
    if standing in SCOPES:
        return Caller(bearer(identity, roles=["service"], scope=SCOPES[standing]), identity)
    claims = {
        Standing.CONTEXT_HOLDER: {"contexts": [f"{kind}:{target.context}" for kind in ("ticket_photo", "invoice_pdf")]},
        Standing.ADMIN: {"roles": ["admin"]},
    }
    return Caller(bearer(identity, **claims.get(standing, {})), identity)


def expected(standing, action):
    return min((verdict(held, action) for held in HELD[standing]), key=MOST_FIRST.index)


async def attempt(site, schema, tried, caller, target):
    method, path = schema[tried.operation]
    url = path.replace("{media_id}", target.id).replace("{sequence}", str(2**52))
    return await site.request(
        method,
        url,
        json=tried.body(target) if tried.body else None,
        headers={**caller.headers, **({"If-Match": "*"} if method == "PATCH" else {})},
        params={"token": caller.token} if caller.token else {},
    )


def verdict_on(response, otherwise=None):
    """What the answer says, in the words of the table."""
    if response.status_code == 200 and '"error":"not_allowed"' in response.text:
        return Verdict.NOT_ALLOWED  # the one entry of a batch
    if response.status_code in (200, 201, 204, 302):
        return Verdict.ALLOWED
    code = response.json()["code"]
    if code == otherwise:
        return Verdict.ALLOWED
    return {
        (401, "not_authenticated"): Verdict.NOT_AUTHENTICATED,
        (403, "not_allowed"): Verdict.NOT_ALLOWED,
        (404, "media_not_found"): Verdict.NOT_FOUND,
    }[response.status_code, code]


async def all_of(rows, target, caller):
    """Whatever an attempt could leave behind: the row, what is in the audit of it and of the caller, their uploads."""
    return (
        await rows.fetchrow("SELECT * FROM media.media_objects WHERE id = $1", target.id),
        await rows.fetchval("SELECT count(*) FROM media.audit WHERE media_id = $1 OR actor = $2", target.id, caller.id),
        await rows.fetchval("SELECT count(*) FROM media.media_objects WHERE uploaded_by = $1", caller.id),
    )


def said(response, media_id):
    """An answer without the id that it was asked for, and without the time."""
    headers = {name: value for name, value in response.headers.items() if name != "date"}
    return response.status_code, headers, response.text.replace(media_id, "…")


async def test_every_operation_of_the_schema_is_tried(schema):
    assert {tried.operation for tried in ATTEMPTS.values()} | LISTED | FOR_EVERYONE == set(schema)


def test_every_action_of_the_table_is_tried():
    assert {tried.action for tried in ATTEMPTS.values()} == set(Action)


@everyone
@pytest.mark.parametrize("wish", ATTEMPTS)
async def test_one_gets_what_the_table_gives(site, schema, rows, bearer, target, standing, wish):
    tried, caller = ATTEMPTS[wish], caller_of(standing, target, bearer)
    before = await all_of(rows, target, caller)
    response = await attempt(site, schema, tried, caller, target)
    assert verdict_on(response, tried.otherwise) is expected(standing, tried.action), response.text
    if expected(standing, tried.action) is not Verdict.ALLOWED:
        assert await all_of(rows, target, caller) == before
        assert target.token not in response.text
    if expected(standing, tried.action) is Verdict.NOT_FOUND:
        missing = Target(str(uuid.uuid4()), target.owner, target.context, target.token)
        unknown = await attempt(site, schema, tried, caller, missing)
        assert said(response, target.id) == said(unknown, missing.id)


@everyone
@pytest.mark.parametrize("form", ["/files/{}", "/files/{}/download"])
async def test_the_short_forms_give_no_more(site, bearer, target, standing, form):
    caller = caller_of(standing, target, bearer)
    params = {"token": caller.token} if caller.token else {}
    response = await site.get(form.format(target.id), headers=caller.headers, params=params)
    assert verdict_on(response) is expected(standing, Action.DOWNLOAD)


@everyone
async def test_a_list_holds_what_one_may_see(site, bearer, target, standing):
    caller = caller_of(standing, target, bearer)
    response = await site.get("/api/v1/media", headers=caller.headers, params={"limit": 200})
    if caller.id is None:
        assert response.status_code == 401
        return
    listed = target.id in [item["id"] for item in response.json()["items"]]
    assert listed is (expected(standing, Action.SEE) is Verdict.ALLOWED)


async def seen(site, headers, **params):
    """The ids of a whole list."""
    response = await site.get("/api/v1/media", headers=headers, params={"limit": 200, **params})
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]


@pytest.mark.parametrize(
    "claim",
    [
        "other:{}", "website_media:{}", "invoice_pdf:{}", "TICKET_PHOTO:{}", " ticket_photo:{}", "ticket_photo :{}",
        ":{}", "*:{}", "%:{}", "{}", "ticket_photo", "ticket_photo:", "ticket_photo:*", "ticket_photo:{}:x",
        "ticket_photo::{}",
        "ticket_photo:{}\x00", "ticket_photo\x00:{}", "\ud800:{}", "{}:ticket_photo",
        "ticket_photo:00000000-0000-0000-0000-000000000000",
    ],
    ids=ascii,
)  # fmt: skip
async def test_a_claim_to_another_context_opens_nothing_of_this_one(site, bearer, target, claim):
    holder = bearer(contexts=[claim.format(target.context)])
    assert (await site.get(f"/api/v1/media/{target.id}", headers=holder)).status_code == 404
    assert (await site.get(f"/api/v1/media/{target.id}/download", headers=holder)).status_code == 404
    assert await seen(site, holder) == []


@pytest.mark.parametrize("claim", ["other:{}", "website_media:{}", "ticket_photo:00000000-0000-0000-0000-000000000000"])
async def test_a_claim_to_another_context_lets_no_upload_into_this_one(site, bearer, target, claim):
    holder = bearer(contexts=[claim.format(target.context)])
    response = await site.post("/api/v1/media/upload", json=_into("ticket_photo")(target), headers=holder)
    assert response.status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "media:read media:write media:links media:invoices"},
        {"roles": ["Admin"]},
        {"roles": ["admin "]},
        {"roles": ["user admin"]},
        {"roles": ["admin,service"]},
        {"role": "admin"},
        {"admin": True, "is_admin": True},
        {"roles": ["service"], "scope": "media:reading media: media:* * MEDIA:READ"},
        {"roles": ["service"], "scopes": ["media:read"]},
        {"roles": ["Service"], "scope": "media:read"},
    ],
    ids=json.dumps,
)
async def test_what_only_looks_like_a_role_or_scope_gives_nothing(site, schema, rows, bearer, target, claims):
    identity = uuid.uuid4()
    caller = Caller(bearer(identity, **claims), identity)
    before = await all_of(rows, target, caller)
    for tried in ATTEMPTS.values():
        if tried.action is not Action.UPLOAD:
            response = await attempt(site, schema, tried, caller, target)
            assert verdict_on(response) is expected(Standing.USER, tried.action), tried
    assert await seen(site, caller.headers) == []
    assert await all_of(rows, target, caller) == before


async def test_the_id_of_another_page_as_a_cursor_shows_nothing(site, bearer, target):
    owner, stranger = bearer(target.owner), bearer()
    mine = (await ask(site, stranger, b"x"))["id"]
    after = base64.urlsafe_b64encode(uuid.UUID(int=uuid.UUID(target.id).int + 1).bytes).decode().rstrip("=")
    assert await seen(site, owner, cursor=after) == [target.id]
    assert await seen(site, stranger, cursor=after) == []
    last = base64.urlsafe_b64encode(bytes([255] * 16)).decode().rstrip("=")
    assert await seen(site, stranger, cursor=last) == [mine]


async def test_a_cursor_that_someone_else_got_shows_one_s_own(site, bearer):
    owner, stranger = bearer(), bearer()
    theirs = [(await ask(site, stranger, b"x"))["id"] for _ in range(2)]
    for _ in range(3):
        await ask(site, owner, b"x")
    page = (await site.get("/api/v1/media", headers=owner, params={"limit": 1})).json()
    assert await seen(site, stranger, cursor=page["next_cursor"]) == theirs[::-1]


@pytest.mark.parametrize("more", [{}, {"context_type": "ticket_photo"}, {"status": "ready"}, {"file_type": "image"}])
async def test_a_filter_by_a_foreign_context_finds_nothing(site, bearer, target, more):
    assert await seen(site, bearer(), context_id=str(target.context), **more) == []
    other = bearer(contexts=[f"ticket_photo:{uuid.uuid4()}", f"other:{target.context}"])
    assert await seen(site, other, context_id=str(target.context), **more) == []
    assert await seen(site, bearer(target.owner), context_id=str(target.context), **more) == [target.id]


SPELLINGS = {
    "upper case": str.upper,
    "no dashes": lambda media_id: media_id.replace("-", ""),
    "braces": lambda media_id: f"%7B{media_id}%7D",
    "a URN": lambda media_id: f"urn:uuid:{media_id}",
    "a NUL after it": lambda media_id: f"{media_id}%00",
    "a line feed after it": lambda media_id: f"{media_id}%0A",
    "a space before it": lambda media_id: f"%20{media_id}",
    "a dot segment": lambda media_id: f".%2F{media_id}",
    "a matrix parameter": lambda media_id: f"{media_id};x=1",
    "percent-encoding": lambda media_id: "".join(f"%{ord(character):02X}" for character in media_id),
    "wide digits": lambda media_id: media_id.replace("0", "%EF%BC%90"),
    "two ids": lambda media_id: f"{media_id},{media_id}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_an_id_in_another_spelling_opens_no_more(site, bearer, target, spelling):
    spelt = SPELLINGS[spelling](target.id)
    for path in (f"/api/v1/media/{spelt}", f"/api/v1/media/{spelt}/download", f"/files/{spelt}"):
        assert (await site.get(path, headers=bearer())).status_code in (400, 404)
        assert (await site.get(path, headers=bearer(target.owner))).status_code in (200, 302, 400, 404)
    assert (await site.delete(f"/api/v1/media/{spelt}", headers=bearer())).status_code in (400, 404)
    assert (await site.get(f"/api/v1/media/{target.id}", headers=bearer(target.owner))).status_code == 200


async def test_someone_else_s_idempotency_key_gives_not_their_upload(site, bearer):
    owner, stranger, key = bearer(), bearer(), {"Idempotency-Key": uuid.uuid4().hex}
    theirs = await ask(site, owner, b"x", headers=key)
    mine = await ask(site, stranger, b"x", headers=key)
    assert mine["id"] != theirs["id"]
    assert mine["upload"]["url"].partition("?")[0] != theirs["upload"]["url"].partition("?")[0]
    assert (await ask(site, owner, b"x", headers=key))["id"] == theirs["id"]


async def test_one_s_own_idempotency_key_does_not_outlive_the_claim(site, bearer):
    owner, context, key = uuid.uuid4(), str(uuid.uuid4()), {"Idempotency-Key": uuid.uuid4().hex}
    into = _wanted(context_type="ticket_photo", context_id=context)
    claimed = bearer(owner, contexts=[f"ticket_photo:{context}"])
    assert (await site.post("/api/v1/media/upload", json=into, headers=claimed | key)).status_code == 201
    assert (await site.post("/api/v1/media/upload", json=into, headers=bearer(owner) | key)).status_code == 403


MOVES = {
    "into a foreign context": {"context_type": "ticket_photo", "context_id": "theirs"},
    "into a foreign context by its id alone": {"context_id": "theirs"},
    "into another type with the same id": {"context_type": "website_media"},
    "into an invoice's context": {"context_type": "invoice_pdf", "context_id": "theirs"},
    "among the invoices": {"context_type": "invoice_pdf"},
    "among the invoices, with no id": {"context_type": "invoice_pdf", "context_id": None},
}


@pytest.mark.parametrize("who", ["its uploader", "an admin"])
@pytest.mark.parametrize("move", MOVES)
async def test_nothing_is_moved_where_one_could_not_upload(site, storage, rows, bearer, move, who):
    mine, theirs = await target_of(site, storage, bearer), await target_of(site, storage, bearer)
    claimed = bearer(mine.owner, contexts=[f"ticket_photo:{mine.context}"])
    caller = Caller(claimed if who == "its uploader" else bearer(roles=["admin"]))
    before = await all_of(rows, mine, caller)
    change = {name: str(theirs.context) if value == "theirs" else value for name, value in MOVES[move].items()}
    response = await change_of(site, mine, caller.headers, change)
    if who == "an admin" and change.get("context_type") != "invoice_pdf":
        assert response.status_code == 200
    else:
        assert response.status_code == 403, response.text
        assert await all_of(rows, mine, caller) == before
        assert mine.id not in await seen(site, bearer(contexts=[f"ticket_photo:{theirs.context}"]))


async def change_of(site, target, headers, change):
    return await site.patch(f"/api/v1/media/{target.id}", json=change, headers={**headers, "If-Match": "*"})


async def test_what_was_taken_out_of_a_context_does_not_come_back_without_its_claim(site, bearer, target):
    back = {"context_type": "ticket_photo", "context_id": str(target.context)}
    owner = bearer(target.owner)
    assert (await change_of(site, target, owner, {"context_type": None, "context_id": None})).status_code == 200
    assert (await change_of(site, target, owner, back)).status_code == 403
    assert await seen(site, bearer(contexts=[f"ticket_photo:{target.context}"])) == []


@pytest.mark.parametrize(
    "field", ["uploaded_by", "status", "id", "storage_path", "link_epoch", "revision", "mime_type"]
)
async def test_a_change_takes_nothing_that_the_service_owns(site, rows, bearer, target, field):
    caller = Caller(bearer(target.owner))
    before = await all_of(rows, target, caller)
    assert (await change_of(site, target, caller.headers, {field: str(uuid.uuid4())})).status_code == 400
    assert await all_of(rows, target, caller) == before


@pytest.mark.parametrize("path", ["/api/v1/media/{}/download", "/files/{}", "/files/{}/download"])
async def test_the_token_of_one_file_does_not_open_another(site, storage, bearer, target, path):
    other = await target_of(site, storage, bearer)
    assert (await site.get(path.format(other.id), params={"token": target.token})).status_code == 401
    with_mine = await site.get(path.format(other.id), params={"token": target.token}, headers=bearer())
    without = await site.get(path.format(other.id), headers=bearer())
    assert said(with_mine, "") == said(without, "")
    assert (await site.get(path.format(target.id), params={"token": target.token})).status_code == 302


async def test_the_token_of_a_private_file_opens_nothing(site, storage, bearer):
    private = await target_of(site, storage, bearer, is_public=False)
    for path in ("/api/v1/media/{}/download", "/files/{}"):
        assert (await site.get(path.format(private.id), params={"token": private.token})).status_code == 401
        strange = await site.get(path.format(private.id), params={"token": private.token}, headers=bearer())
        assert strange.status_code == 404


async def test_a_revoked_token_opens_nothing(site, bearer, target):
    await site.post(f"/api/v1/media/{target.id}/revoke-links", headers=bearer(target.owner))
    assert (await site.get(f"/files/{target.id}", params={"token": target.token})).status_code == 401
    assert (await site.get(f"/files/{target.id}", params={"token": target.token}, headers=bearer())).status_code == 404


async def test_a_bearer_beside_a_temporary_token_takes_nothing_from_it(site, bearer, target):
    for headers in (bearer(), bearer(roles=["service"], scope="media:write")):
        response = await site.get(f"/files/{target.id}", params={"token": target.token}, headers=headers)
        assert response.status_code == 302


async def test_a_temporary_token_is_no_bearer(site, schema, rows, target):
    caller = Caller({"Authorization": f"Bearer {target.token}"})
    before = await all_of(rows, target, caller)
    for tried in ATTEMPTS.values():
        assert (await attempt(site, schema, tried, caller, target)).status_code == 401, tried
    assert (await site.get("/api/v1/media", headers=caller.headers)).status_code == 401
    assert await all_of(rows, target, caller) == before


async def test_a_bearer_is_no_temporary_token(site, bearer, target):
    for headers in (bearer(target.owner), bearer(roles=["admin"]), bearer(uuid.UUID(target.id), epoch=0)):
        token = headers["Authorization"].partition(" ")[2]
        assert (await site.get(f"/files/{target.id}", params={"token": token})).status_code == 401


FORGED = {
    "with the key of bearers": lambda claims, stack: jwt.encode(claims, stack.secrets.jwt_secret, "HS256"),
    "with no key": lambda claims, _: jwt.encode(claims, None, "none"),
    "for bearers": lambda claims, stack: jwt.encode(
        claims | {"aud": "media"}, stack.secrets.public_token_secret, "HS256"
    ),
    "with another algorithm": lambda claims, stack: jwt.encode(claims, stack.secrets.public_token_secret, "HS512"),
    "that has ended": lambda claims, stack: jwt.encode(
        claims | {"exp": int(time.time()) - 60}, stack.secrets.public_token_secret, "HS256"
    ),
    "that never ends": lambda claims, stack: jwt.encode(
        {name: value for name, value in claims.items() if name != "exp"}, stack.secrets.public_token_secret, "HS256"
    ),
    "of another epoch": lambda claims, stack: jwt.encode(
        claims | {"epoch": 1}, stack.secrets.public_token_secret, "HS256"
    ),
    "of another purpose": lambda claims, stack: jwt.encode(
        claims | {"aud": "media-upload"}, stack.secrets.public_token_secret, "HS256"
    ),
    "of an epoch that is text": lambda claims, stack: jwt.encode(
        claims | {"epoch": "0"}, stack.secrets.public_token_secret, "HS256"
    ),
    "without an epoch": lambda claims, stack: jwt.encode(
        {name: value for name, value in claims.items() if name != "epoch"}, stack.secrets.public_token_secret, "HS256"
    ),
}


@pytest.mark.filterwarnings("ignore:The HMAC key")
@pytest.mark.parametrize("forgery", FORGED)
async def test_a_temporary_token_is_not_made_by_others(site, stack, target, forgery):
    claims = {"aud": "media-download", "sub": target.id, "epoch": 0, "exp": int(time.time()) + 600}
    good = jwt.encode(claims, stack.secrets.public_token_secret, "HS256")
    assert (await site.get(f"/files/{target.id}", params={"token": good})).status_code == 302
    forged = FORGED[forgery](claims, stack)
    assert (await site.get(f"/files/{target.id}", params={"token": forged})).status_code == 401


async def test_a_pending_upload_is_not_settled_by_a_stranger(site, storage, rows, bearer):
    asked = await ask(site, bearer(), b"x")
    assert (await complete(site, bearer(), asked["id"])).status_code == 404
    assert (await site.post(f"/api/v1/admin/media/{asked['id']}/retry", headers=bearer())).status_code == 403
    assert await rows.fetchval("SELECT status FROM media.media_objects WHERE id = $1", asked["id"]) == "pending"
