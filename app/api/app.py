"""create_app: routes, authentication, problems and documentation around the parts."""

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Final

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.static_files import create_static_files_router

from app.api import downloads, links, probes
from app.api.admin import Admin
from app.api.auth import BearerAuthentication, BearerTokens
from app.api.links import serving_links
from app.api.media_objects import MediaObjects
from app.api.parts import Parts, open_parts
from app.api.problems import MAX_BODY_BYTES, failed, refused, refused_by_framework
from app.api.strict_json import StrictRequest
from app.api.uploads import Uploads
from app.config import ApiSettings
from app.errors import Refusal

_ASSETS: Final = "/docs/assets"


def create_app(settings: ApiSettings) -> Litestar:
    """The API. Opens its parts when it starts, closes them when it stops."""
    tokens = BearerTokens(settings.bearer)

    @contextlib.asynccontextmanager
    async def with_parts(app: Litestar) -> AsyncIterator[None]:
        async with open_parts(settings, tokens) as parts:
            app.state.parts = parts
            async with serving_links(parts):
                yield

    return Litestar(
        route_handlers=[
            Uploads,
            MediaObjects,
            downloads.download,
            downloads.short_download,
            links.download_urls,
            Admin,
            probes.health,
            probes.live,
            probes.ready,
            _assets(),
        ],
        dependencies={"parts": Provide(_parts, sync_to_thread=False)},
        middleware=[DefineMiddleware(BearerAuthentication, tokens=tokens)],
        exception_handlers={Refusal: refused, HTTPException: refused_by_framework, Exception: failed},
        request_class=StrictRequest,
        lifespan=[with_parts],
        openapi_config=_openapi(),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
    )


def _parts(state: State) -> Parts:
    parts = state.parts
    assert isinstance(parts, Parts)
    return parts


def _assets() -> Router:
    """Swagger UI's own files, from its package: the docs page needs no other host."""
    bundle = next(path for path in (files("swagger_ui_bundle") / "vendor").iterdir() if path.is_dir())
    return create_static_files_router(_ASSETS, directories=[str(bundle)], opt={"exclude_from_auth": True})


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Media service",
        version="1.0.0",
        description="Presigned uploads and downloads. File bytes go to storage, never through this API.",
        openapi_router=Router(
            "/docs",
            route_handlers=[],
            include_in_schema=False,
            dto=None,
            return_dto=None,
            opt={"exclude_from_auth": True},
        ),
        render_plugins=[
            SwaggerRenderPlugin(
                path="/",
                favicon=f'<link rel="icon" href="{_ASSETS}/favicon-32x32.png">',
                js_url=f"{_ASSETS}/swagger-ui-bundle.js",
                css_url=f"{_ASSETS}/swagger-ui.css",
                standalone_preset_js_url=f"{_ASSETS}/swagger-ui-standalone-preset.js",
            )
        ],
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"bearer": []}],
    )
