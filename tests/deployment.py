"""A deployment of one test's own in the storage that all tests share: its buckets hold what that test put there."""

import secrets

from app.config import provision_settings
from app.local.settings import provision_environment
from app.object_store_admin import provision_storage


async def deploy(stack, mode, database_url):
    """The settings of a deployment with buckets and identities of its own, provisioned."""
    name = secrets.token_hex(4)
    buckets = {f"MINIO_BUCKET_{kind}": f"{kind.lower()}-{name}" for kind in ("MEDIA", "INVOICES", "INCOMING")}
    if mode == "in place":
        buckets["MINIO_BUCKET_INCOMING"] = buckets["MINIO_BUCKET_MEDIA"]
    keys = {f"MINIO{role}_ACCESS_KEY": f"{role.lower()}-{name}" for role in ("", "_UPLOAD", "_DOWNLOAD")}
    made = stack.environment(mode, database_url) | buckets | keys
    await provision_storage(provision_settings(provision_environment(made, stack.secrets)))
    return made
