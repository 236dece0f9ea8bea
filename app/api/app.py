"""create_app: routes, authentication, problems and documentation around the parts."""

import contextlib
from collections.abc import AsyncIterator

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware

from app.api import docs, downloads, links, probes
from app.api.admin import Admin
from app.api.auth import BearerAuthentication, Callers
from app.api.bearer_tokens import BearerTokens
from app.api.head import answering_head
from app.api.invoices import Invoices
from app.api.links import serving_links
from app.api.measured import Measured
from app.api.media_objects import MediaObjects
from app.api.parts import Parts, open_parts
from app.api.problems import MAX_BODY_BYTES, failed, refused, refused_by_framework
from app.api.request_rate import RequestRate
from app.api.response_headers import completed, cors
from app.api.strict_json import StrictRequest
from app.api.strict_query import each_parameter_once
from app.api.uploads import Uploads
from app.config import ApiSettings
from app.errors import Refusal
from app.flow.find_media import Changes


def create_app(settings: ApiSettings, changes: Changes | None = None) -> Litestar:
    """The API. Opens its parts when it starts, closes them when it stops."""
    changes = changes or Changes()
    callers = Callers(BearerTokens(settings.bearer), RequestRate(settings.request_rate_per_minute))

    @contextlib.asynccontextmanager
    async def with_parts(app: Litestar) -> AsyncIterator[None]:
        async with open_parts(settings, callers, changes) as parts:
            app.state.parts = parts
            async with serving_links(parts):
                yield

    app = Litestar(
        route_handlers=[
            Uploads,
            MediaObjects,
            Invoices,
            downloads.download,
            downloads.short_download,
            links.download_urls,
            Admin,
            probes.health,
            probes.live,
            probes.ready,
            docs.assets(),
            docs.start_script,
        ],
        dependencies={"parts": Provide(_parts, sync_to_thread=False)},
        middleware=[Measured(), DefineMiddleware(BearerAuthentication, callers=callers)],
        guards=[each_parameter_once],
        exception_handlers={Refusal: refused, HTTPException: refused_by_framework, Exception: failed},
        request_class=StrictRequest,
        lifespan=[with_parts],
        openapi_config=docs.openapi(),
        cors_config=cors(settings.cors_allowed_origins),
        before_send=[completed(settings.cors_allowed_origins)],
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )
    app.asgi_handler = answering_head(app.asgi_handler)
    return app


def _parts(state: State) -> Parts:
    parts = state.parts
    assert isinstance(parts, Parts)
    return parts
