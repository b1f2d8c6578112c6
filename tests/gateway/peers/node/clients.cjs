// Send the picture as programs with axios, form-data, undici and Node's own modules do.
// Arguments: the gateway's URL, the URL of the TLS edge, the path of the picture.
// Prints a line of JSON for each way of sending: its name, and the answer's status and body, or the client's error.
'use strict';

const diagnostics = require('node:diagnostics_channel');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const { Readable } = require('node:stream');
const { gzipSync } = require('node:zlib');
const axios = require('axios');
const FormDataPackage = require('form-data');
const undici = require('undici');

const [gateway, edge, path] = process.argv.slice(2);
const PREDICT = `${gateway}/predict`;
const photo = fs.readFileSync(path);
const text = photo.toString('base64');
const given = { conf: 0.5, classes: [0, 5] };
const JPEG = { 'Content-Type': 'image/jpeg' };
const unnamed = () => Readable.from([photo.subarray(0, 40_000), photo.subarray(40_000)]);

// Otherwise the one of Node's own, older undici is used.
undici.setGlobalDispatcher(new undici.Agent());

const client = axios.create({ timeout: 20_000, proxy: false, validateStatus: () => true });

const withAxios = async (body, options, url = PREDICT) => {
  const answer = await client.post(url, body, options);
  return { status: answer.status, body: answer.data, reused: answer.request?.reusedSocket };
};

const withAxiosForm = async (fields, options, url = PREDICT) => {
  const answer = await client.postForm(url, fields, options);
  return { status: answer.status, body: answer.data };
};

const withFetch = async (options, url = PREDICT, fetch = undici.fetch) => {
  const answer = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(20_000), ...options });
  return { status: answer.status, body: await answer.json() };
};

const withUndici = async (options, url = PREDICT) => {
  const answer = await undici.request(url, { method: 'POST', bodyTimeout: 20_000, headersTimeout: 20_000, ...options });
  return { status: answer.statusCode, body: await answer.body.json() };
};

const packageForm = (...file) => {
  const form = new FormDataPackage();
  form.append('file', ...file);
  return form;
};

const standardForm = (kind, ...file) => {
  const form = new kind();
  form.append('file', ...file);
  form.append('conf', '0.5');
  form.append('classes', '0');
  form.append('classes', '5');
  return form;
};

const blob = () => new Blob([photo], { type: 'image/jpeg' });
const file = () => new File([photo], 'Straße 1.jpg', { type: 'image/jpeg' });

// Call in turn for a good picture, a text and a good picture; add the three statuses to the last answer.
const threeTimes = async (send) => {
  const answers = [];
  for (const body of [photo, Buffer.from('not an image'), photo]) answers.push(await send(body));
  return {
    ...answers.at(-1),
    statuses: answers.map((answer) => answer.status),
    reused: answers.map((answer) => answer.reused),
  };
};

// Each function gets the headers that name the request.
const ways = {
  'axios-buffer': (headers) => withAxios(photo, { headers: { ...headers, ...JPEG } }),
  'axios-buffer-without-type': (headers) => withAxios(photo, { headers }),
  'axios-array-buffer': (headers) => withAxios(new Uint8Array(photo).buffer, { headers: { ...headers, ...JPEG } }),
  'axios-read-stream': (headers) => withAxios(fs.createReadStream(path), { headers: { ...headers, ...JPEG } }),
  'axios-blob': (headers) => withAxios(blob(), { headers }),
  'axios-gzip': (headers) =>
    withAxios(gzipSync(photo), { headers: { ...headers, ...JPEG, 'Content-Encoding': 'gzip' } }),
  'axios-form-blob': (headers) => withAxios(standardForm(FormData, blob()), { headers }),
  'axios-form-file': (headers) => withAxios(standardForm(FormData, file()), { headers }),
  'axios-post-form-buffer': (headers) => withAxiosForm({ file: photo, ...given }, { headers }),
  'axios-post-form-read-stream': (headers) =>
    withAxiosForm({ file: fs.createReadStream(path), ...given }, { headers }),
  'axios-post-form-list': (headers) => withAxiosForm({ file: [photo], ...given }, { headers }),
  'axios-query-brackets': (headers) => withAxios(photo, { params: given, headers: { ...headers, ...JPEG } }),
  'axios-query-repeated': (headers) =>
    withAxios(photo, { params: given, paramsSerializer: { indexes: null }, headers: { ...headers, ...JPEG } }),
  'axios-query-indexes': (headers) =>
    withAxios(photo, { params: given, paramsSerializer: { indexes: true }, headers: { ...headers, ...JPEG } }),
  'axios-json': (headers) => withAxios({ image: text, ...given }, { headers }),
  'axios-json-data-url': (headers) => withAxios({ image: `data:image/jpeg;base64,${text}`, ...given }, { headers }),
  'axios-batch': (headers) =>
    withAxiosForm(
      { files: [fs.createReadStream(path), fs.createReadStream(path)], ...given },
      { headers },
      `${gateway}/predict/batch`,
    ),
  'axios-deepstack': (headers) =>
    withAxiosForm({ image: photo, min_confidence: 0.5 }, { headers }, `${gateway}/v1/vision/detection`),
  'axios-keep-alive': (headers) => {
    const httpAgent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    return threeTimes((body) => withAxios(body, { httpAgent, headers: { ...headers, ...JPEG } }));
  },
  'axios-http2': async (headers) => {
    const sessions = [];
    const { connect } = http2;
    http2.connect = (...options) => {
      const session = connect(...options);
      sessions.push(session);
      return session;
    };
    try {
      const options = { headers: { ...headers, ...JPEG }, httpVersion: 2 };
      const answer = await withAxios(photo, options, `${edge}/predict`);
      return { ...answer, protocols: sessions.map((session) => session.alpnProtocol) };
    } finally {
      http2.connect = connect;
    }
  },

  'form-data-buffer': (headers) => withAxios(packageForm(photo), { headers }),
  'form-data-buffer-with-name': (headers) => withAxios(packageForm(photo, 'a.jpg'), { headers }),
  'form-data-buffer-with-type': (headers) => withAxios(packageForm(photo, { contentType: 'image/jpeg' }), { headers }),
  'form-data-read-stream': (headers) => withAxios(packageForm(fs.createReadStream(path)), { headers }),
  'form-data-stream': (headers) => withAxios(packageForm(unnamed()), { headers }),
  'form-data-submit': (headers) =>
    new Promise((resolve, reject) => {
      const { hostname: host, port } = new URL(gateway);
      packageForm(fs.createReadStream(path)).submit({ host, port, path: '/predict', headers }, (error, response) => {
        if (error) reject(error);
        else resolve(read(response));
      });
    }),
  'form-data-in-fetch': (headers) => {
    const form = packageForm(photo, 'a.jpg');
    return withFetch({ body: form, headers: { ...headers, ...form.getHeaders() } });
  },

  'undici-buffer': (headers) => withUndici({ body: photo, headers }),
  'undici-read-stream': (headers) => withUndici({ body: fs.createReadStream(path), headers: { ...headers, ...JPEG } }),
  'undici-form': (headers) => withUndici({ body: standardForm(undici.FormData, blob(), 'a.jpg'), headers }),
  'undici-query': (headers) => withUndici({ body: photo, query: given, headers }),
  'fetch-buffer': (headers) => withFetch({ body: photo, headers }),
  'fetch-blob': (headers) => withFetch({ body: blob(), headers }),
  'fetch-form-blob': (headers) => withFetch({ body: standardForm(undici.FormData, blob()), headers }),
  'fetch-form-blob-without-type': (headers) =>
    withFetch({ body: standardForm(undici.FormData, new Blob([photo])), headers }),
  'fetch-form-file': (headers) => withFetch({ body: standardForm(undici.FormData, file()), headers }),
  'fetch-form-file-on-disk': async (headers) =>
    withFetch({ body: standardForm(undici.FormData, await fs.openAsBlob(path), 'a.jpg'), headers }),
  'fetch-form-empty-field': (headers) => {
    const form = standardForm(undici.FormData, file());
    form.append('iou', '');
    return withFetch({ body: form, headers });
  },
  'fetch-web-stream': (headers) =>
    withFetch({ body: Readable.toWeb(fs.createReadStream(path)), duplex: 'half', headers: { ...headers, ...JPEG } }),
  'fetch-gzip-stream': (headers) =>
    withFetch({
      body: blob().stream().pipeThrough(new CompressionStream('gzip')),
      duplex: 'half',
      headers: { ...headers, ...JPEG, 'Content-Encoding': 'gzip' },
    }),
  'fetch-json': (headers) =>
    withFetch({
      body: JSON.stringify({ image: text, ...given }),
      headers: { ...headers, 'Content-Type': 'application/json' },
    }),
  'fetch-json-without-type': (headers) => withFetch({ body: JSON.stringify({ image: text }), headers }),
  'fetch-search-params': (headers) => withFetch({ body: new URLSearchParams({ image: text }), headers }),
  'fetch-form-text': (headers) => withFetch({ body: standardForm(undici.FormData, 'photo.jpg'), headers }),
  'undici-keep-alive': async (headers) => {
    const dispatcher = new undici.Agent({ connections: 1, pipelining: 1 });
    let connected = 0;
    dispatcher.on('connect', () => connected++);
    const answer = await threeTimes((body) => withUndici({ body, dispatcher, headers }));
    return { ...answer, connected };
  },
  'undici-http2': async (headers) => {
    const protocols = [];
    const note = ({ socket }) => protocols.push(socket.alpnProtocol);
    diagnostics.subscribe('undici:client:connected', note);
    try {
      const dispatcher = new undici.Agent({ allowH2: true, connections: 1 });
      const options = { body: standardForm(undici.FormData, file()), dispatcher, headers };
      return { ...(await withFetch(options, `${edge}/predict`)), protocols };
    } finally {
      diagnostics.unsubscribe('undici:client:connected', note);
    }
  },

  'node-fetch-form': (headers) => withFetch({ body: standardForm(FormData, file()), headers }, PREDICT, fetch),
  'node-http-expect': (headers) =>
    new Promise((resolve, reject) => {
      let continued = false;
      const expecting = { ...headers, ...JPEG, 'Content-Length': photo.length, Expect: '100-continue' };
      const request = http.request(PREDICT, { method: 'POST', headers: expecting });
      request.on('continue', () => {
        continued = true;
        request.end(photo);
      });
      request.on('response', async (response) => resolve({ ...(await read(response)), continued }));
      request.on('error', reject);
      request.flushHeaders();
    }),
};

const read = async (response) => ({
  status: response.statusCode,
  body: JSON.parse(Buffer.concat(await response.toArray())),
});

const main = async () => {
  for (const [name, send] of Object.entries(ways)) {
    let answer;
    try {
      answer = await send({ 'X-Request-ID': name });
    } catch (error) {
      answer = { error: String(error.stack ?? error) };
    }
    console.log(JSON.stringify({ name, ...answer }));
  }
};

setTimeout(() => process.exit(3), 100_000).unref(); // whatever hangs
main().then(() => process.exit(0));
