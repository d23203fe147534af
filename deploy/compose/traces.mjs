// A small trace collector for the development deployment: prints each flow step as it is reported, and passes every
// export on to whoever is listening. Nothing is kept. A deployment of weight names its own collector instead.
//
//   POST /v1/traces   OTLP over HTTP with JSON, what the services do
//   GET  /v1/traces   an endless stream, one line for each export from now on: what the demo reads
import { createServer } from 'node:http';

const PATH = '/v1/traces';
const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** A listener that is this far behind is cut off: nothing is to pile up here. In bytes. */
const MAX_BEHIND_BYTES = 64 * 1024 * 1024;

const listeners = new Set();

/** The attributes of a span by name; lists as words. */
function attributesOf(span) {
  const textOf = ({ stringValue, intValue, arrayValue }) =>
    stringValue ?? intValue ?? (arrayValue?.values ?? []).map(textOf).join(' ');
  return Object.fromEntries((span.attributes ?? []).map(({ key, value }) => [key, textOf(value)]));
}

/** Flow, step, from, to and the names of the carried fields, which is all that a step says. */
function printSteps(request) {
  const spans = (request.resourceSpans ?? []).flatMap(({ scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) => spans),
  );
  for (const span of spans) {
    const {
      'cpns.flow': flow,
      'cpns.step': step,
      'cpns.from': from,
      'cpns.to': to,
      'cpns.carried': carried,
    } = attributesOf(span);
    if (flow !== undefined) console.log(`${flow} step ${step}  ${from} -> ${to}  [${carried}]`);
  }
}

function passOn(line) {
  for (const listener of listeners)
    if (!listener.write(line) && listener.writableLength > MAX_BEHIND_BYTES) listener.destroy();
}

async function receive(incoming) {
  const chunks = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  if (size > MAX_BODY_BYTES) return 413;
  let request;
  try {
    request = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    printSteps(request);
  } catch {
    return 400;
  }
  // said once more by JSON: one line, whatever white space it came with
  passOn(`${JSON.stringify(request)}\n`);
  return 200;
}

function listen(answer) {
  answer.writeHead(200, { 'content-type': 'application/x-ndjson' });
  answer.flushHeaders();
  listeners.add(answer);
  answer.on('close', () => listeners.delete(answer));
}

const server = createServer((incoming, answer) => {
  const end = (status) => answer.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  if (incoming.url !== PATH) return end(404);
  if (incoming.method === 'GET') return listen(answer);
  if (incoming.method !== 'POST') return end(405);
  receive(incoming).then(end, () => answer.destroy());
});
// HOST:PORT
const [, host, port] = /^(.+):(\d+)$/.exec(process.argv[2] ?? '127.0.0.1:4318') ?? [];
server.listen(Number(port), host, () => {
  const { address, port: bound } = server.address();
  console.log(`traces are taken at http://${address}:${bound}${PATH}`);
});
for (const signal of ['SIGTERM', 'SIGINT'])
  process.once(signal, () => {
    server.close();
    server.closeAllConnections();
  });
