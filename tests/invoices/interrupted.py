"""The rendering step with its process dying in the midst of it."""

import contextlib

import msgspec

from app import database, object_store
from app.config import worker_settings
from app.database import queries
from app.flow.render_invoice import complete_invoice, render_invoice, take_unrendered_invoices
from app.invoices.billing import parse_invoice_generated
from app.typesetting.pool import typesetting
from tests.invoices.orders import generated

MOMENTS = ["after the typesetting", "after the claim", "after the PUT", "after the commit"]
_STATEMENTS = queries("render_invoice")


class Killed(BaseException):
    """A process that ends here: nothing may catch it."""


class Rendering:
    """The step as API and worker call it. Each attempt may be told where its process dies."""

    def __init__(self, settings, connected, store, typesetters):
        self._settings = settings
        self._parts = {"database": connected, "object_store": store, "typesetting": typesetters}

    async def __call__(self, ordered, dies=None):
        return await render_invoice(
            parse_invoice_generated(generated(ordered)),
            issuer=self._settings.invoicing.issuer,
            by=None,
            traceparent=None,
            bucket=self._settings.storage.bucket_invoices,
            **self._dying(dies),
        )

    async def sweep(self):
        """What a worker does when it finds claims that nobody completed."""
        return [
            await complete_invoice(claim, **self._parts)
            for claim in await take_unrendered_invoices(database=self._parts["database"])
        ]

    def _dying(self, moment):
        statements = {_STATEMENTS["claim"]: "after the claim", _STATEMENTS["mark_rendered"]: "after the commit"}
        return {
            "database": _Dying(self._parts["database"], one=lambda sql: statements.get(sql, "") == moment),
            "object_store": _Dying(self._parts["object_store"], put_pdf=lambda _: moment == "after the PUT"),
            "typesetting": _Dying(self._parts["typesetting"], typeset=lambda _: moment == "after the typesetting"),
        }


class _Dying:
    """A part whose calls are done, and whose caller is dead when the moment has come."""

    def __init__(self, part, **doomed):
        self._part = part
        self._doomed = doomed

    def __getattr__(self, name):
        call = getattr(self._part, name)
        if name not in self._doomed:
            return call

        async def die_after(*arguments):
            done = await call(*arguments)
            if self._doomed[name](arguments[0]):
                raise Killed
            return done

        return die_after


@contextlib.asynccontextmanager
async def rendering(environment):
    settings = worker_settings(environment)
    async with (
        database.connect(settings.database_url) as connected,
        object_store.connect(settings.storage, settings.storage.worker) as store,
        typesetting(settings.invoicing.template_dir) as typesetters,
    ):
        yield Rendering(settings, connected, store, typesetters)


def with_issuer(rendering, name):
    """The same step after the issuer has been given another name."""
    invoicing = rendering._settings.invoicing
    issuer = msgspec.structs.replace(invoicing.issuer, name=name)
    settings = msgspec.structs.replace(rendering._settings, invoicing=msgspec.structs.replace(invoicing, issuer=issuer))
    return Rendering(settings, *rendering._parts.values())
