// The flow with openapi-fetch and the types that openapi-typescript makes of /docs/openapi.json.
import { readFile, writeFile } from 'node:fs/promises';
import { env } from 'node:process';
import createClient from 'openapi-fetch';
import type { paths } from './schema.js';

const { API = '', TOKEN = '', FILE = '', OUT = '' } = env;
const api = createClient<paths>({ baseUrl: API, headers: { authorization: `Bearer ${TOKEN}` } });
const bytes = await readFile(FILE);

const asked = await api.POST('/api/v1/media/upload', {
  body: { file_name: 'photo.png', mime_type: 'image/png', file_size: bytes.length },
});
if (!asked.data?.upload) throw new Error(JSON.stringify(asked.error));
const { id: media_id, upload: { method, url, headers } } = asked.data;
const put = await fetch(url, { method, headers, body: new Uint8Array(bytes) });
if (!put.ok && put.status !== 412) throw new Error(await put.text());

const path = { media_id };
const media = await api.GET('/api/v1/media/{media_id}', { params: { path, header: { Prefer: 'wait=20' } } });
if (media.data?.status !== 'ready') throw new Error(JSON.stringify(media.data ?? media.error));
const link = await api.GET('/api/v1/media/{media_id}/download', {
  params: { path },
  headers: { accept: 'application/json' },
});
if (!link.data) throw new Error(JSON.stringify(link.error));
await writeFile(OUT, Buffer.from(await (await fetch(link.data.url)).arrayBuffer()));
