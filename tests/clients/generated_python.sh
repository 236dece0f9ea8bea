# Makes a client of the document in the working directory, checks its types, and runs the flow with it. $1 has the tools.
PATH="$1:$PATH"
program="$(dirname "$0")/with_generated_python.py"
# Its last step would format with whatever ruff is found, whose fixes give __exit__ types that are none of httpx.
echo '{"post_hooks": []}' >config.json
openapi-python-client generate --url "$API/docs/openapi.json" --output-path media_client --meta none \
  --config config.json --fail-on-warning
MYPYPATH=. mypy --strict --cache-dir mypy_cache media_client "$program"
PYTHONPATH=. python "$program"
