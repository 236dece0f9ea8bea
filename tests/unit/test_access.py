"""The decisions: every standing and action, and what follows from standing in several relations."""

from uuid import UUID, uuid4

import msgspec
import pytest

from app.access import (
    Action,
    Context,
    LinkHolder,
    Principal,
    Standing,
    Verdict,
    check,
    check_link,
    check_move,
    check_upload,
    sight_of,
    standings,
    verdict,
)
from app.errors import MediaNotFound, NotAllowed, NotAuthenticated

ME, TICKET = uuid4(), uuid4()
MINE = ("ticket_photo", TICKET)


class Media(msgspec.Struct, frozen=True):
    id: UUID
    uploaded_by: UUID | None = None
    context_type: str | None = None
    context_id: UUID | None = None
    is_public: bool = True
    link_epoch: int = 0


def service(*scopes):
    return Principal(ME, roles=frozenset({"service"}), scopes=frozenset(scopes))


HOLDERS = {
    Standing.USER: (Principal(ME), Media(uuid4())),
    Standing.CONTEXT_HOLDER: (Principal(ME, contexts=frozenset({MINE})), Media(uuid4(), None, *MINE)),
    Standing.UPLOADER: (Principal(ME), Media(uuid4(), ME)),
    Standing.SERVICE: (service(), Media(uuid4())),
    Standing.READER: (service("media:read"), Media(uuid4())),
    Standing.WRITER: (service("media:write"), Media(uuid4())),
    Standing.LINKER: (service("media:links"), Media(uuid4())),
    Standing.INVOICER: (service("media:invoices"), Media(uuid4())),
    Standing.ADMIN: (Principal(ME, roles=frozenset({"admin"})), Media(uuid4())),
}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("standing", HOLDERS)
def test_a_principal_may_do_what_one_of_its_standings_allows(standing, action):
    principal, media = HOLDERS[standing]
    held = standings(principal, media)
    assert standing in held
    if any(verdict(each, action) == Verdict.ALLOWED for each in held):
        check(principal, action, media)
    else:
        with pytest.raises(NotAllowed, match="Who may"):
            check(principal, action, media)


def test_nobody_may_do_anything_without_a_token():
    assert {verdict(Standing.NOBODY, action) for action in Action} == {Verdict.NOT_AUTHENTICATED}


def test_what_is_not_seen_is_not_found_by_any_action_on_it():
    of_one = {Action.SEE, Action.DOWNLOAD, Action.COMPLETE, Action.CHANGE, Action.REVOKE_LINKS, Action.DELETE}
    for standing in (Standing.USER, Standing.SERVICE, Standing.INVOICER):
        assert {verdict(standing, action) for action in of_one} == {Verdict.NOT_FOUND}


def test_scopes_are_nothing_without_the_role():
    user = Principal(ME, scopes=frozenset({"media:read", "media:write", "media:links", "media:invoices"}))
    assert standings(user, Media(uuid4())) == {Standing.USER}
    assert not sight_of(user).everything


def test_an_object_without_owner_or_context_is_nobody_s():
    assert standings(Principal(ME, contexts=frozenset({MINE})), Media(uuid4())) == {Standing.USER}


def test_a_claim_opens_its_own_type_alone():
    holder = Principal(ME, contexts=frozenset({MINE}))
    with pytest.raises(NotAllowed):
        check_upload(holder, Context("website_media", TICKET))
    with pytest.raises(NotAllowed):
        check_upload(holder, Context("ticket_photo", uuid4()))
    check_upload(holder, Context(*MINE))


def test_a_claim_makes_no_invoices():
    with pytest.raises(NotAllowed):
        check_upload(Principal(ME, contexts=frozenset({("invoice_pdf", TICKET)})), Context("invoice_pdf", TICKET))


def test_an_admin_makes_no_invoices():
    with pytest.raises(NotAllowed):
        check_upload(HOLDERS[Standing.ADMIN][0], Context("invoice_pdf", None))


def test_moving_takes_what_uploading_there_takes():
    media = Media(uuid4(), ME, "website_media")
    with pytest.raises(NotAllowed):
        check_move(Principal(ME), media, Context(*MINE))
    check_move(Principal(ME, contexts=frozenset({MINE})), media, Context(*MINE))
    check_move(Principal(ME), media, Context("website_media", None))


def test_an_invoice_is_moved_nowhere_by_its_owner():
    with pytest.raises(NotAllowed):
        check_move(Principal(ME), Media(uuid4(), ME, "invoice_pdf", TICKET), Context("website_media", None))


def test_a_temporary_token_opens_its_object_while_it_is_public_and_its_epoch_lasts():
    media = Media(uuid4(), link_epoch=3)
    check_link(LinkHolder(media.id, 3), media)
    with pytest.raises(NotAuthenticated, match="revoked"):
        check_link(LinkHolder(media.id, 2), media)
    with pytest.raises(NotAuthenticated, match="not public"):
        check_link(LinkHolder(media.id, 3), msgspec.structs.replace(media, is_public=False))
    with pytest.raises(MediaNotFound):
        check_link(LinkHolder(uuid4(), 3), media)
