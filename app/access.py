"""Who may do what: one table of standings and actions. Pure.

A principal stands in one or several relations to a media object, and may do what one of them allows. What it may not
even know of is not found: a lookup carries `Sight` into its SQL, so that a stranger's id answers as one that does not
exist.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, Protocol
from uuid import UUID

import msgspec

from app.errors import MediaNotFound, NotAllowed, NotAuthenticated
from app.media import ContextType


class Standing(StrEnum):
    """How a principal stands to a media object, or to the context that it wants to upload into."""

    NOBODY = "nobody"
    LINK_HOLDER = "holder of a temporary token, while the object is public"
    USER = "any user"
    CONTEXT_HOLDER = "holder of a claim to the context"
    UPLOADER = "its uploader"
    SERVICE = "any service"
    READER = "service with `media:read`"
    WRITER = "service with `media:write`"
    LINKER = "service with `media:links`"
    INVOICER = "service with `media:invoices`"
    ADMIN = "admin"


class Action(StrEnum):
    """What a principal wants to do."""

    UPLOAD = "upload"
    UPLOAD_INTO_CONTEXT = "upload into a context"
    UPLOAD_INVOICE = "make an `invoice_pdf`"
    SEE = "see"
    DOWNLOAD = "download"
    DOWNLOAD_MANY = "get many links"
    COMPLETE = "complete"
    RENEW = "renew"
    CHANGE = "change"
    REVOKE_LINKS = "revoke links"
    DELETE = "delete"
    ADMINISTER = "administer"


class Verdict(StrEnum):
    """What becomes of a request: in the words of the table, what HTTP answers."""

    ALLOWED = "yes"
    NOT_AUTHENTICATED = "401"
    NOT_ALLOWED = "403"
    NOT_FOUND = "404"


_S = Standing
_ALLOWED: Final[Mapping[Action, frozenset[Standing]]] = {
    Action.UPLOAD: frozenset({_S.USER, _S.WRITER, _S.ADMIN}),
    Action.UPLOAD_INTO_CONTEXT: frozenset({_S.CONTEXT_HOLDER, _S.WRITER, _S.ADMIN}),
    Action.UPLOAD_INVOICE: frozenset({_S.INVOICER}),
    Action.SEE: frozenset({_S.CONTEXT_HOLDER, _S.UPLOADER, _S.READER, _S.WRITER, _S.LINKER, _S.ADMIN}),
    # Who may make an object public can have its bytes: to refuse a writer would be no defence.
    Action.DOWNLOAD: frozenset(
        {_S.LINK_HOLDER, _S.CONTEXT_HOLDER, _S.UPLOADER, _S.READER, _S.WRITER, _S.LINKER, _S.ADMIN}
    ),
    Action.DOWNLOAD_MANY: frozenset({_S.LINKER, _S.ADMIN}),
    Action.COMPLETE: frozenset({_S.UPLOADER, _S.WRITER, _S.ADMIN}),
    Action.RENEW: frozenset({_S.UPLOADER}),
    Action.CHANGE: frozenset({_S.UPLOADER, _S.WRITER, _S.ADMIN}),
    Action.REVOKE_LINKS: frozenset({_S.UPLOADER, _S.ADMIN}),
    Action.DELETE: frozenset({_S.UPLOADER, _S.WRITER, _S.ADMIN}),
    Action.ADMINISTER: frozenset({_S.ADMIN}),
}
_OF_ONE_OBJECT: Final = frozenset(
    {Action.SEE, Action.DOWNLOAD, Action.COMPLETE, Action.RENEW, Action.CHANGE, Action.REVOKE_LINKS, Action.DELETE}
)
_WITHOUT_BEARER: Final = frozenset({_S.NOBODY, _S.LINK_HOLDER})
_SCOPES: Final = {
    "media:read": _S.READER,
    "media:write": _S.WRITER,
    "media:links": _S.LINKER,
    "media:invoices": _S.INVOICER,
}


class Principal(msgspec.Struct, frozen=True):
    """Who calls, as the bearer token says it."""

    id: UUID
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    contexts: frozenset[tuple[str, UUID]] = frozenset()

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    @property
    def is_service(self) -> bool:
        return "service" in self.roles

    @property
    def actor(self) -> "Actor":
        """Who the audit says it was."""
        return Actor("admin" if self.is_admin else "service" if self.is_service else "user", self.id)


class Actor(msgspec.Struct, frozen=True):
    """Who did something, as the audit keeps it."""

    kind: Literal["user", "service", "admin", "link"]
    id: UUID | None


class LinkHolder(msgspec.Struct, frozen=True):
    """Who has a temporary token: for one media object, until its links are revoked."""

    media_id: UUID
    epoch: int

    @property
    def actor(self) -> Actor:
        """A token tells nobody who holds it."""
        return Actor("link", None)


class Target(Protocol):
    """What access depends on: a media object, or one that is asked for."""

    @property
    def uploaded_by(self) -> UUID | None: ...
    @property
    def context_type(self) -> str | None: ...
    @property
    def context_id(self) -> UUID | None: ...


class Linked(Target, Protocol):
    """What a temporary token depends on besides."""

    @property
    def id(self) -> UUID: ...
    @property
    def is_public(self) -> bool: ...
    @property
    def link_epoch(self) -> int: ...


class Context(msgspec.Struct, frozen=True):
    """What an upload is asked for into."""

    context_type: str | None
    context_id: UUID | None
    uploaded_by: UUID | None = None


class Sight(msgspec.Struct, frozen=True):
    """Which media objects a principal may know of: its own, those of its contexts, or everything."""

    owner: UUID
    everything: bool
    context_types: list[str]
    context_ids: list[UUID]


def verdict(standing: Standing, action: Action) -> Verdict:
    """The cell of the table."""
    if standing in _ALLOWED[action]:
        return Verdict.ALLOWED
    if standing in _WITHOUT_BEARER:
        return Verdict.NOT_AUTHENTICATED
    unseen = action in _OF_ONE_OBJECT and standing not in _ALLOWED[Action.SEE]
    return Verdict.NOT_FOUND if unseen else Verdict.NOT_ALLOWED


def standings(principal: Principal, target: Target | None) -> frozenset[Standing]:
    """Every relation in which a bearer's principal stands to a media object, or to a context."""
    held = {Standing.SERVICE if principal.is_service else Standing.USER}
    if principal.is_service:
        held |= {standing for scope, standing in _SCOPES.items() if scope in principal.scopes}
    if principal.is_admin:
        held.add(Standing.ADMIN)
    if target is not None and target.uploaded_by == principal.id:
        held.add(Standing.UPLOADER)
    if target is not None and (target.context_type, target.context_id) in principal.contexts:
        held.add(Standing.CONTEXT_HOLDER)
    return frozenset(held)


def check(principal: Principal, action: Action, target: Target | None = None) -> None:
    """Raises NotAllowed, which says who may, unless one of the principal's standings allows it."""
    if not standings(principal, target) & _ALLOWED[action]:
        raise NotAllowed(action, sorted(_ALLOWED[action]))


def check_upload(principal: Principal, context: Context) -> None:
    """Raises NotAllowed unless the principal may make an object in this context, or in none."""
    if context.context_type == ContextType.INVOICE_PDF:
        check(principal, Action.UPLOAD_INVOICE, context)
    elif context.context_id is not None:
        check(principal, Action.UPLOAD_INTO_CONTEXT, context)
    else:
        check(principal, Action.UPLOAD, context)


def check_move(principal: Principal, before: Target, after: Target) -> None:
    """Raises NotAllowed unless a principal who may change an object may take it from one context into the other.

    No one moves an object into a context that they could not have uploaded it into, and an invoice stays one.
    """
    if (before.context_type, before.context_id) == (after.context_type, after.context_id):
        return
    if before.context_type == ContextType.INVOICE_PDF:
        check(principal, Action.UPLOAD_INVOICE, before)
    check_upload(principal, Context(after.context_type, after.context_id))


def check_link(holder: LinkHolder, media: Linked) -> None:
    """Raises unless the temporary token opens this object: it is public, and its links were not revoked since."""
    if holder.media_id != media.id:
        raise MediaNotFound(media.id)
    if not media.is_public:
        raise NotAuthenticated("its media object is not public; send the header Authorization: Bearer <token>")
    if holder.epoch != media.link_epoch:
        raise NotAuthenticated("the links of its media object were revoked since it was issued")


def sight_of(principal: Principal) -> Sight:
    """What lookups may find for this principal: exactly what it may see."""
    contexts = sorted(principal.contexts)
    return Sight(
        owner=principal.id,
        everything=bool(standings(principal, None) & _ALLOWED[Action.SEE]),
        context_types=[context_type for context_type, _ in contexts],
        context_ids=[context_id for _, context_id in contexts],
    )
