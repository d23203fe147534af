import { descriptorSet } from '@cpns/contracts';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';

const FILE_FIELD = 1;

/** The files of a FileDescriptorSet (descriptor.proto: `repeated FileDescriptorProto file = 1`), each in its own bytes. */
export function filesOf(set: Uint8Array): Buffer[] {
  const files: Buffer[] = [];
  const reader = new BinaryReader(set);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === FILE_FIELD && type === WireType.LengthDelimited) files.push(Buffer.from(reader.bytes()));
    else reader.skip(type, field);
  }
  return files;
}

/**
 * Server reflection, v1 and v1alpha. The generated definitions carry no descriptors, so it is fed what buf built; of a
 * package definition it reads nothing else than these files.
 */
export function addReflection(server: Server, services: readonly string[]): void {
  const fileDescriptorProtos = filesOf(descriptorSet());
  const files = { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos } as const;
  new ReflectionService({ 'cpns.v1': files }, { services: [...services] }).addToServer(server);
}
