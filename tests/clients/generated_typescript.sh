# Makes types of the document in the working directory, compiles the flow with them, and runs it.
clients="$(cd "$(dirname "$0")" && pwd)"
ln -s "$clients/node_modules" node_modules
cp "$clients/with_generated_typescript.ts" flow.ts
echo '{"type": "module"}' >package.json
node_modules/.bin/openapi-typescript "$API/docs/openapi.json" --output schema.d.ts
node_modules/.bin/tsc --strict --target es2022 --module nodenext --types node flow.ts
node flow.js
