import { KmcServiceService, type CreateKeyRequest } from '@cpns/contracts';
import type { CallContext } from '@cpns/grpc';
import { defineRecord, jsonField } from '@cpns/store';
import { temporaryStore } from '@cpns/store/testing';
import { startTelemetry } from '@cpns/telemetry';
import { MemoryLog } from '@cpns/telemetry/testing';
import { Module } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { configOf, GrpcController, OwnsRecords, PlatformModule } from '.';
import { serve, testProcess } from './testing';

const { createKey, destroyKey } = KmcServiceService;
const answer = () => Promise.resolve({ version: undefined });

describe('a controller is refused when it is declared', () => {
  test('for an RPC that it lacks, where the compiler refuses it first', () => {
    const declare = () => {
      // @ts-expect-error spec only: the compiler refuses this class, which lacks an RPC
      @GrpcController({ createKey, destroyKey })
      class Lacking {
        createKey() {
          return answer();
        }
      }
      return Lacking;
    };
    expect(declare).toThrow('Lacking does not answer /cpns.v1.KmcService/DestroyKey');
  });

  test('for a parameter without a decorator, which Nest would drop', () => {
    const declare = () => {
      @GrpcController({ createKey })
      class Undecorated {
        createKey(@Payload() { groupId }: CreateKeyRequest, call: CallContext) {
          call.logger.info('asked for a key', { group: groupId });
          return answer();
        }
      }
      return Undecorated;
    };
    expect(declare).toThrow('Undecorated.createKey has a parameter with neither @Payload() nor @Ctx()');
  });
});

describe('a process does not start', () => {
  test('with an RPC that two controllers answer', async () => {
    @GrpcController({ createKey })
    class OneController {
      createKey() {
        return answer();
      }
    }
    @GrpcController({ createKey })
    class OtherController {
      createKey() {
        return answer();
      }
    }
    @Module({ controllers: [OneController] })
    class OneModule {}
    @Module({ controllers: [OtherController] })
    class OtherModule {}
    const { store, dispose } = await temporaryStore();
    const uri = 'cpns://td.example/service/kmc';
    const module = await testProcess({ name: 'kmc', uri, store, modules: [OneModule, OtherModule] });
    await expect(serve(module, {})).rejects.toThrow('two controllers answer /cpns.v1.KmcService/CreateKey');
    await dispose();
  });

  test('with an RPC of a port that no controller answers', async () => {
    const { store, dispose } = await temporaryStore();
    const module = await testProcess({ name: 'kmc', uri: 'cpns://td.example/service/kmc', store, modules: [] });
    const token = { clients: 'none', listen: '127.0.0.1:0', tls: { cert: '', key: '', ca: '' } } as const;
    const logger = new MemoryLog('kmc').logger;
    const served = serve(module, { token: { ...token, logger, only: [createKey.path] } });
    await expect(served).rejects.toThrow(`no controller answers ${createKey.path}`);
    await dispose();
  });

  test('with a record that two modules own', async () => {
    const KEPT = defineRecord('kept', { value: jsonField<string>() });
    @OwnsRecords(KEPT)
    @Module({})
    class OneModule {}
    @OwnsRecords(KEPT)
    @Module({})
    class OtherModule {}
    class Config extends configOf({}) {}
    const { logger } = new MemoryLog();
    const telemetry = startTelemetry({ service: 'sample' });
    const options = { name: 'sample', configClass: Config, config: new Config(), logger, telemetry };
    const imports = [PlatformModule.forRoot(options), OneModule, OtherModule];
    const module = await Test.createTestingModule({ imports }).compile();
    await expect(module.init()).rejects.toThrow("OneModule and OtherModule both own the record 'kept'");
    await telemetry.shutdown();
  });
});
