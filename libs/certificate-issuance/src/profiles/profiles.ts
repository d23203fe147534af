/**
 * Every certificate of CPNS, as data (protocol.md, "Certificates"):
 *
 *   root CA -> issuing CA -> services, operators, acting gateways
 *                         -> Server entity CA (pathLen 0) -> target entities
 *                         -> gateway CA (pathLen 0, its PN only, short life) -> target entities
 *
 * The authorities of entities carry clientAuth as their own extended key usage: TLS stacks take it for a limit on all
 * that they issue, so that none of it ever serves as a TLS server.
 */
import { duration } from '@cpns/core';
import type { Profile, ProfileId } from './profile';

const YEAR = duration(365, 'day');

const AUTHORITY = { keyUsage: ['keyCertSign', 'cRLSign'], hosts: false, constrained: false } as const;
const LEAF = { keyUsage: ['digitalSignature'], constrained: false } as const;

export const PROFILES: { readonly [K in ProfileId]: Profile & { readonly id: K } } = {
  'root-ca': {
    ...AUTHORITY,
    id: 'root-ca',
    title: 'root CA',
    issuedBy: ['root-ca'],
    authority: { pathLength: 2 },
    extendedKeyUsage: [],
    maxLifetime: 30 * YEAR,
  },
  'issuing-ca': {
    ...AUTHORITY,
    id: 'issuing-ca',
    title: 'issuing CA',
    issuedBy: ['root-ca'],
    authority: { pathLength: 1 },
    extendedKeyUsage: [],
    maxLifetime: 10 * YEAR,
  },
  'server-entity-ca': {
    ...AUTHORITY,
    id: 'server-entity-ca',
    title: 'Server entity CA',
    issuedBy: ['issuing-ca'],
    authority: { pathLength: 0 },
    extendedKeyUsage: ['clientAuth'],
    maxLifetime: 5 * YEAR,
  },
  'gateway-ca': {
    ...AUTHORITY,
    id: 'gateway-ca',
    title: 'gateway CA',
    issuedBy: ['issuing-ca'],
    authority: { pathLength: 0 },
    extendedKeyUsage: ['clientAuth'],
    uri: 'pn-gw',
    constrained: true,
    maxLifetime: duration(31, 'day'),
  },
  service: {
    ...LEAF,
    id: 'service',
    title: 'service',
    issuedBy: ['issuing-ca'],
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
    uri: 'service',
    hosts: true,
    role: 'service',
    maxLifetime: 2 * YEAR,
  },
  operator: {
    ...LEAF,
    id: 'operator',
    title: 'operator',
    issuedBy: ['issuing-ca'],
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
    uri: 'operator',
    hosts: false,
    role: 'operator',
    maxLifetime: 2 * YEAR,
  },
  'gateway-identity': {
    ...LEAF,
    id: 'gateway-identity',
    title: 'acting PN GW',
    issuedBy: ['issuing-ca'],
    extendedKeyUsage: ['serverAuth', 'clientAuth'],
    uri: 'pn-gw',
    hosts: true,
    role: 'pn-gw',
    maxLifetime: 2 * YEAR,
  },
  'target-entity': {
    ...LEAF,
    id: 'target-entity',
    title: 'target entity',
    issuedBy: ['server-entity-ca', 'gateway-ca'],
    extendedKeyUsage: ['clientAuth'],
    uri: 'entity',
    hosts: false,
    role: 'target-entity',
    maxLifetime: 2 * YEAR,
  },
};
