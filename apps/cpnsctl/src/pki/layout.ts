/** Names of the files that `pki init` makes, and that `--pki` looks for. A chain has its own certificate first, the root last. */
export const SERVICES = ['cpns-server', 'kmc', 'smf'] as const;

export const PKI_FILES = {
  root: 'root.pem',
  rootKey: 'root.key',
  /** One certificate, without those above it. */
  issuingCa: 'issuing.pem',
  issuingCaKey: 'issuing.key',
  entityCa: 'server-entity-ca.pem',
  entityCaKey: 'server-entity-ca.key',
  operatorChain: 'operator-chain.pem',
  operatorKey: 'operator.key',
} as const;

export const serviceChainFile = (service: string): string => `${service}-chain.pem`;
export const serviceKeyFile = (service: string): string => `${service}.key`;
