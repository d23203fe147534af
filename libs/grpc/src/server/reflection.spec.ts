import { descriptorSet, KmcServiceService } from '@cpns/contracts';
import fc from 'fast-check';
import { HealthMonitor, implement, type ServerPort } from '..';
import { KmcFixture, OPERATOR } from '../testing/kmc-fixture';
import { filesOf } from './reflection';

const kmc = new KmcFixture();
let port: ServerPort;

beforeAll(async () => {
  const health = new HealthMonitor({ checks: [], logger: kmc.log.logger });
  port = await kmc.port({ services: [implement(KmcServiceService, kmc.handlers)], health });
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
  const stream = kmc.connect(port, OPERATOR).client({ info: method }).info();
  await stream.write(request(field, text));
  stream.end();
  const replies: Buffer[] = [];
  for await (const reply of stream) replies.push(reply);
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
