// health.mjs HOST:PORT: exits with 0 when the process there, which PEER names, says that it serves (grpc.health.v1). A
// service of the Server side is asked with its own certificate; a gateway has none in a file, and is asked on its token port.
//
// `cpnsctl health` does the same for people. This one is started every few seconds in each container, so that it loads
// nothing but Node itself: a tenth of the processor time.
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { checkServerIdentity } from 'node:tls';

const TIMEOUT_MS = 4_000;
/** A message of two bytes: field 1 is 1, which is SERVING. */
const SERVING = '00000000020801';

const [, , address] = process.argv;
const { PEER, CPNS_TLS_CHAIN_FILE, CPNS_TLS_KEY_FILE } = process.env;

function fail(why) {
  console.error(`${PEER} at ${address}: ${why}`);
  process.exit(1);
}

/** The name that was dialled, and who we mean: TLS itself checks the first alone. */
function checkPeer(host, certificate) {
  const names = (certificate.subjectaltname ?? '').split(', ');
  const unexpected = names.includes(`URI:${PEER}`) ? undefined : new Error(`somebody else is there: ${names}`);
  return checkServerIdentity(host, certificate) ?? unexpected;
}

const session = connect(`https://${address}`, {
  ca: readFileSync('/run/cpns/root.pem'),
  ...(CPNS_TLS_CHAIN_FILE && { cert: readFileSync(CPNS_TLS_CHAIN_FILE), key: readFileSync(CPNS_TLS_KEY_FILE) }),
  minVersion: 'TLSv1.3',
  checkServerIdentity: checkPeer,
});
session.on('error', (error) => fail(error.message));
setTimeout(() => fail(`no answer within ${TIMEOUT_MS} ms`), TIMEOUT_MS);

const call = session.request({
  ':method': 'POST',
  ':path': '/grpc.health.v1.Health/Check',
  'content-type': 'application/grpc',
  te: 'trailers',
});
let answer = '';
call.setEncoding('hex');
call.on('data', (chunk) => (answer += chunk));
call.on('error', (error) => fail(error.message));
call.on('end', () => (answer === SERVING ? process.exit(0) : fail(`it does not serve (${answer || 'no answer'})`)));
// the empty request: the process as a whole
call.end(Buffer.alloc(5));
