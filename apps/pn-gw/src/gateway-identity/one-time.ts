import { CpnsError } from '@cpns/core';
import { parseOneTimeString, type OneTimeString } from '@cpns/key-derivation';
import { Injectable } from '@nestjs/common';
import { GatewayConfig } from '../config';

/** The one-time string that the gateway enrols with. */
@Injectable()
export class OneTime {
  /** Undefined where no file of it is given: after the first start none is needed. */
  readonly string: OneTimeString | undefined;

  /** @throws CpnsError CONFIGURATION_INVALID */
  constructor({ oneTimeStringFile }: GatewayConfig) {
    this.string = oneTimeStringFile && readOneTimeString(oneTimeStringFile.content);
  }
}

function readOneTimeString(content: Buffer): OneTimeString {
  try {
    return parseOneTimeString(content.toString('utf8').trim());
  } catch (cause) {
    const why = cause instanceof CpnsError ? `: ${cause.message}` : '';
    throw new CpnsError('CONFIGURATION_INVALID', `CPNS_ONE_TIME_STRING_FILE holds no one-time string${why}`, { cause });
  }
}
