import { CERTIFICATE_MAX_BYTES, createPeerClassifier } from '@cpns/certificate-issuance';
import {
  CertificateServiceService,
  fields,
  type EndCertificateRequest,
  type ListEndedCertificatesRequest,
  type WatchEndedCertificatesRequest,
  type WatchEndedCertificatesResponse,
} from '@cpns/contracts';
import { checkName, Clock, CpnsError, duration, invalidArgument, operatorUri } from '@cpns/core';
import { systemTimers, WakeSignal } from '@cpns/delivery';
import { MAX_MESSAGE_BYTES, type Handlers, type ServerStreamContext } from '@cpns/grpc';
import { sha256 } from '@cpns/key-derivation';
import { EndedPeers, GrpcController, ServiceIdentity, wireEndedPeer, type EndedPeer } from '@cpns/platform';
import { Ctx, Payload } from '@nestjs/microservices';
import { createPublicKey } from 'node:crypto';
import { EndedCertificates } from './ended-certificates';

/** Entries of one message of the stream: at most 180 kB. */
const PART = 500;
/** How often the list is sent where nothing changed, milliseconds: who followed a Server that lost its writes has it anew. */
const SEND_EVERY = duration(30, 'second');

const outOfRange = (field: string, why: string) => invalidArgument('FIELD_OUT_OF_RANGE', why, { metadata: { field } });

/** Ends of certificates on the wire. */
@GrpcController(CertificateServiceService, { maxRequestBytes: MAX_MESSAGE_BYTES })
export class CertificatesController implements Handlers<typeof CertificateServiceService> {
  constructor(
    private readonly own: ServiceIdentity,
    private readonly list: EndedCertificates,
    private readonly ended: EndedPeers,
    private readonly clock: Clock,
  ) {}

  /** @throws CpnsError a field's or a certificate's reason; LIMIT_REACHED */
  async endCertificate(@Payload() { which }: EndCertificateRequest) {
    return { ended: wireEndedPeer(await this.#end(which)) };
  }

  /** @throws CpnsError FIELD_OUT_OF_RANGE, PAGE_TOKEN_INVALID */
  listEndedCertificates(@Payload() { pageSize, pageToken }: ListEndedCertificatesRequest) {
    return Promise.resolve().then(() => {
      const { entries, next } = this.list.page(pageSize, pageToken);
      return { ended: entries.map(wireEndedPeer), nextPageToken: next };
    });
  }

  async watchEndedCertificates(
    @Payload() _request: WatchEndedCertificatesRequest,
    @Ctx() call: ServerStreamContext<WatchEndedCertificatesResponse>,
  ): Promise<void> {
    const changed = new WakeSignal();
    const forget = this.ended.onChange(() => changed.wake());
    call.signal.addEventListener('abort', () => changed.wake(), { once: true });
    try {
      for (; !call.signal.aborted; await changed.wait(systemTimers, SEND_EVERY)) await this.#send(call);
    } finally {
      forget();
    }
  }

  async #send(call: ServerStreamContext<WatchEndedCertificatesResponse>): Promise<void> {
    const { entries } = this.list;
    for (let start = 0, complete = false; !complete; start += PART) {
      complete = start + PART >= entries.length;
      await call.write({ ended: entries.slice(start, start + PART).map(wireEndedPeer), complete });
    }
  }

  #end(which: EndCertificateRequest['which']): Promise<EndedPeer> {
    switch (which?.$case) {
      case 'operator':
        return this.list.end('uri', operatorUri(this.own.trustDomain, checkName(which.value, 'operator')));
      case 'publicKeyDigest':
        return this.#endKey(fields.digest(which.value, 'public_key_digest'), 'public_key_digest');
      case 'certificate':
        return this.#endKey(
          this.#keyOf(fields.bounded(which.value, CERTIFICATE_MAX_BYTES, 'certificate')),
          'certificate',
        );
      case undefined:
        throw invalidArgument('FIELD_MISSING', 'say what to end', { metadata: { field: 'which' } });
    }
  }

  #endKey(digest: Buffer, field: string): Promise<EndedPeer> {
    const own = createPublicKey(this.own.key).export({ type: 'spki', format: 'der' });
    if (digest.equals(sha256(own)))
      throw outOfRange(field, 'the CPNS Server does not end its own certificate: give it another first');
    return this.list.end('key', digest.toString('hex'));
  }

  /** @throws CpnsError what is wrong with it; FIELD_OUT_OF_RANGE for one that is ended in another way */
  #keyOf(certificate: Buffer): Buffer {
    const [, issuingCa] = this.own.chain;
    if (issuingCa === undefined) throw new CpnsError('INTERNAL', 'the Server’s chain has no issuing CA');
    const { role, subject, spki } = createPeerClassifier(issuingCa)(certificate, this.clock.now());
    if ((role !== 'operator' && role !== 'service') || subject.name.trustDomain !== this.own.trustDomain)
      throw outOfRange(
        'certificate',
        'it is no operator’s and no service’s of this trust domain: revoke the entity’s key',
      );
    return sha256(spki);
  }
}
