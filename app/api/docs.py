"""The docs page: Swagger UI from its package, so that it needs no other host and runs no script but its own files."""

from importlib.resources import files
from typing import Any, Final

from litestar import Request, Router, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Tag
from litestar.static_files import create_static_files_router

from app.api.document import finished
from app.api.problems import HEADERS_BY_STATUS

DOCS: Final = "/docs"
# Styles may be inline, as Swagger UI sets them on its elements; scripts may not, and nothing leaves for another host.
DOCS_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ASSETS: Final = f"{DOCS}/assets"
_PAGE: Final = f"""\
<!DOCTYPE html>
<html lang="en">
  <head>
    <title>Media service</title>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <link rel="icon" href="{_ASSETS}/favicon-32x32.png">
    <link rel="stylesheet" href="{_ASSETS}/swagger-ui.css">
    <script src="{_ASSETS}/swagger-ui-bundle.js" defer></script>
    <script src="{DOCS}/start.js" defer></script>
  </head>
  <body><div id="swagger"></div></body>
</html>
"""
# The bundle's Swagger UI takes OpenAPI 3.0 alone. What 3.1 says differently of this API it shows as it stands.
_START: Final = f"""\
fetch("{DOCS}/openapi.json").then((answer) => answer.json()).then((spec) => SwaggerUIBundle({{
  spec: {{...spec, openapi: "3.0.3"}},
  dom_id: "#swagger",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
}}));
"""
_TAGS: Final = {
    "uploads": "Ask for an upload, and say that its bytes are there.",
    "media": "Look at media objects, list, change and delete them.",
    "downloads": "Get presigned URLs to download with.",
    "invoices": "Make the PDFs of invoices.",
    "admin": "See and repair everyone's media objects; for admins.",
    "probes": "Whether the service lives, is ready and is whole.",
}


class _Page(SwaggerRenderPlugin):
    """Litestar's own page starts Swagger UI with an inline script, which the policy forbids."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        return _PAGE.encode()


class _Document(JsonRenderPlugin):
    """The document as document.py finishes it, once for the process."""

    _rendered: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        if self._rendered is None:
            self._rendered = super().render(request, finished(openapi_schema, HEADERS_BY_STATUS))
        return self._rendered


@get(f"{DOCS}/start.js", media_type="text/javascript", include_in_schema=False, exclude_from_auth=True)
async def start_script() -> str:
    return _START


def assets() -> Router:
    """Swagger UI's own files."""
    bundle = next(path for path in (files("swagger_ui_bundle") / "vendor").iterdir() if path.is_dir())
    return create_static_files_router(_ASSETS, directories=[str(bundle)], opt={"exclude_from_auth": True})


def openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Media service",
        version="1.0.0",
        description="Presigned uploads and downloads. File bytes go to storage, never through this API.",
        openapi_router=Router(
            DOCS,
            route_handlers=[],
            include_in_schema=False,
            dto=None,
            return_dto=None,
            opt={"exclude_from_auth": True},
        ),
        render_plugins=[_Page(path="/"), _Document()],
        tags=[Tag(name, description=description) for name, description in _TAGS.items()],
        use_handler_docstrings=True,
        components=Components(security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer")}),
        security=[{"bearer": []}],
    )
