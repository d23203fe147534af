import type {
  CreateKeyRequest,
  CreateKeyVersionRequest,
  DestroyKeyRequest,
  DestroyKeyVersionRequest,
  GetKeyVersionRequest,
  KmcServiceService,
} from '@cpns/contracts';
import type { CallContext, Handlers } from '@cpns/grpc';
import type { KmcContext } from '../context';
import { CreateKeyVersion } from '../create-key-version/create-key-version';
import { CreateKey } from '../create-key/create-key';
import { DestroyKeyVersion } from '../destroy-key-version/destroy-key-version';
import { DestroyKey } from '../destroy-key/destroy-key';
import { GetKeyVersion } from '../get-key-version/get-key-version';

/** OSG to KMC on the wire. */
export class KmcController implements Handlers<typeof KmcServiceService> {
  readonly #createKey: CreateKey;
  readonly #createKeyVersion: CreateKeyVersion;
  readonly #getKeyVersion: GetKeyVersion;
  readonly #destroyKeyVersion: DestroyKeyVersion;
  readonly #destroyKey: DestroyKey;

  constructor(kmc: KmcContext) {
    this.#createKey = new CreateKey(kmc);
    this.#createKeyVersion = new CreateKeyVersion(kmc);
    this.#getKeyVersion = new GetKeyVersion(kmc);
    this.#destroyKeyVersion = new DestroyKeyVersion(kmc);
    this.#destroyKey = new DestroyKey(kmc);
  }

  async createKey(request: CreateKeyRequest, call: CallContext) {
    return { version: await this.#createKey.execute(request, call.requirePeer().uri) };
  }

  async createKeyVersion(request: CreateKeyVersionRequest, call: CallContext) {
    return { version: await this.#createKeyVersion.execute(request, call.requirePeer().uri) };
  }

  async getKeyVersion(request: GetKeyVersionRequest) {
    return { version: await this.#getKeyVersion.execute(request) };
  }

  async destroyKeyVersion(request: DestroyKeyVersionRequest) {
    await this.#destroyKeyVersion.execute(request);
    return {};
  }

  async destroyKey(request: DestroyKeyRequest, call: CallContext) {
    await this.#destroyKey.execute(request, call.requirePeer().uri);
    return {};
  }
}
