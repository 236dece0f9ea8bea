// The flow with axios.
import { readFile, writeFile } from 'node:fs/promises';
import axios from 'axios';

const { API, TOKEN, FILE, OUT } = process.env;
const api = axios.create({ baseURL: `${API}/api/v1/media`, headers: { Authorization: `Bearer ${TOKEN}` } });
const bytes = await readFile(FILE);

const wanted = { file_name: 'photo.png', mime_type: 'image/png', file_size: bytes.length };
const { data: { id, upload } } = await api.post('/upload', wanted);
await axios.request({ method: upload.method, url: upload.url, headers: upload.headers, data: bytes });
const { data: { status } } = await api.get(`/${id}`, { headers: { Prefer: 'wait=20' } });
if (status !== 'ready') throw new Error(status);
const { data } = await api.get(`/${id}/download`, { responseType: 'arraybuffer' });
await writeFile(OUT, Buffer.from(data));
