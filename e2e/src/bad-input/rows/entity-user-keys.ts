/** Rows about Entity-User Keys: the services' specs try all of them in process. */
import {
  CALLER_ROWS,
  CERTIFICATE_ROWS,
  CSR_ROWS,
  NAME_ROWS,
  onePerPair,
  PROOF_ROWS,
  REGISTRATION_ROWS,
  STORE_STOPPED_ROWS,
  TOKEN_ROWS,
} from '@cpns/testing/bad-input';
import type { Row } from '../phase';
import { TRANSPORT_ROWS } from './transport';

const TABLES = [TOKEN_ROWS, CSR_ROWS, NAME_ROWS, CERTIFICATE_ROWS, REGISTRATION_ROWS, PROOF_ROWS, CALLER_ROWS];

/** One for each kind of bad input at each port, and what never becomes a call. */
export const ENTITY_KEY_ROWS: readonly Row[] = onePerPair<Row>([...TRANSPORT_ROWS, ...TABLES.flat()]);

/** One for each port of the Server. */
export const STORE_STOPPED_KEY_ROWS = onePerPair(STORE_STOPPED_ROWS.filter(({ at }) => at.startsWith('Server')));
