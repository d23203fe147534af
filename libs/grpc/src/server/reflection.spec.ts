import { descriptorSet, KmcServiceService } from '@cpns/contracts';
import { MemoryLog } from '@cpns/telemetry/testing';
import fc from 'fast-check';
import { connectTo, createServerPort, HealthMonitor, implement, type Handlers, type ServerPort } from '..';
import { identifyByName, TestPki } from '../testing';
import { filesOf } from './reflection';

const KMC = 'cpns://td.example/service/kmc';
const pki = new TestPki();
const log = new MemoryLog();
let port: ServerPort;

const kmc: Handlers<typeof KmcServiceService> = {
  createKey: async () => Promise.resolve({ version: undefined }),
  createKeyVersion: async () => Promise.resolve({ version: undefined }),
  getKeyVersion: async () => Promise.resolve({ version: undefined }),
  destroyKeyVersion: async () => Promise.resolve({}),
  destroyKey: async () => Promise.resolve({}),
};

beforeAll(async () => {
  port = createServerPort({
    listen: '127.0.0.1:0',
    tls: pki.server(KMC),
    clients: 'certificate',
    identify: identifyByName,
    services: [implement(KmcServiceService, kmc)],
    logger: log.logger,
    health: new HealthMonitor({ checks: [], logger: log.logger }),
  });
  await port.start();
});

afterAll(async () => {
  await port.stop(100);
  pki.remove();
});

/** grpc.reflection.v1.ServerReflectionRequest: list_services = 7, file_containing_symbol = 4; both text. */
const request = (field: number, text: string) =>
  Buffer.concat([Buffer.from([(field << 3) | 2, text.length]), Buffer.from(text)]);

async function ask(version: 'v1' | 'v1alpha', field: number, text: string): Promise<string> {
  const bytes = (value: Buffer) => value;
  const method = {
    path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
    requestStream: true as const,
    responseStream: true as const,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  const tls = pki.client('cpns://td.example/operator/ann');
  const connection = connectTo({ address: port.address, tls, expectedPeer: KMC });
  const stream = connection.client({ info: method }).info();
  await stream.write(request(field, text));
  stream.end();
  const replies: Buffer[] = [];
  for await (const reply of stream) replies.push(reply);
  connection.close();
  return Buffer.concat(replies).toString('latin1');
}

describe.each(['v1', 'v1alpha'] as const)('reflection %s', (version) => {
  test('lists what the port serves and nothing else', async () => {
    const services = await ask(version, 7, '*');
    expect(services).toContain('cpns.v1.KmcService');
    expect(services).not.toContain('cpns.v1.EnrolmentService');
  });

  test('gives the file of a symbol, with its comments’ worth of names', async () => {
    const file = await ask(version, 4, 'cpns.v1.KmcService');
    expect(file).toContain('cpns/v1/kmc_service.proto');
    expect(file).toContain('CreateKeyVersion');
  });
});

describe('the files of a descriptor set', () => {
  test('are all of them', () => {
    const names = filesOf(descriptorSet()).map((file) => file.subarray(2, 2 + file[1]!).toString());
    expect(names).toContain('cpns/v1/kmc_service.proto');
    expect(names).toContain('google/protobuf/any.proto');
  });

  test('are found among other fields', () => {
    const field = (number: number, bytes: Uint8Array) =>
      Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(1, 2, 3), fc.uint8Array({ maxLength: 100 }))), (parts) => {
        const set = Buffer.concat(parts.map(([number, bytes]) => field(number, bytes)));
        const expected = parts.filter(([number]) => number === 1).map(([, bytes]) => Buffer.from(bytes));
        expect(filesOf(set)).toEqual(expected);
      }),
    );
  });
});
