import type { Aggregate } from '@cpns/store';
import type { Logger } from '@cpns/telemetry';
import type { ServerContext } from '../context';
import type { Osg } from '../osg/osg';
import type { SignedStatements } from './signed-statements';

/** What the use cases of CSKMF share besides the Server's own standing. */
export interface CskmfContext {
  readonly server: ServerContext;
  readonly osg: Osg;
  readonly statements: SignedStatements;
  /** How long after it was made a new version of an update becomes active, milliseconds. */
  readonly activationDelay: number;
  /** Something was put into the outbox of a group. */
  readonly wakeRelay: (group: Aggregate) => void;
  readonly logger: Logger;
}
