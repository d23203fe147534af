import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { allRpcPaths, descriptorSet, SERVICES } from '.';

/** Fields of a protobuf message with their bytes, enough to read names out of a FileDescriptorSet. */
function* fields(bytes: Uint8Array): Generator<[number, Uint8Array]> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited) yield [number, reader.bytes()];
    else reader.skip(type, number);
  }
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
const named = (bytes: Uint8Array) => text([...fields(bytes)].find(([number]) => number === 1)![1]);

/** `/package.Service/Method` of everything in the set: file 1, package 2, service 6, method 2, name 1. */
function pathsOfDescriptorSet(): string[] {
  return [...fields(descriptorSet())].flatMap(([, file]) => {
    const parts = [...fields(file)];
    const scope = text(parts.find(([number]) => number === 2)![1]);
    return parts
      .filter(([number]) => number === 6)
      .flatMap(([, service]) =>
        [...fields(service)]
          .filter(([number]) => number === 2)
          .map(([, method]) => `/${scope}.${named(service)}/${named(method)}`),
      );
  });
}

test('the list of services has every RPC of the protos and no other', () => {
  expect(
    allRpcPaths()
      .map((rpc) => rpc.path)
      .sort(),
  ).toEqual(pathsOfDescriptorSet().sort());
});

test('each path belongs to the service that it is listed under', () => {
  for (const rpc of allRpcPaths()) expect(rpc.path.startsWith(`/${rpc.service}/`)).toBe(true);
  expect(new Set(allRpcPaths().map((rpc) => rpc.service)).size).toBe(Object.keys(SERVICES).length);
});

test.each([
  ['/cpns.v1.KmcService/CreateKey', 'unary'],
  ['/cpns.v1.PnGatewayService/WatchGroupKeys', 'server-stream'],
  ['/cpns.v1.GroupKeyDeliveryService/OpenDeliveryChannel', 'bidi'],
])('%s is %s', (path, kind) => {
  expect(allRpcPaths().find((rpc) => rpc.path === path)?.kind).toBe(kind);
});
