/** What issue and specification list as bad input: each of them needs a row. */
const OF_ENTITY_USER_KEYS = `a CSR that is not DER; a CSR with a broken signature; a CSR with a weak key;
  a CSR with trailing bytes; a SAN of another PN; two SANs; no SAN; a DNS SAN; a user-info trick; a path trick;
  an id that is empty; an id that is over-long; an id outside its pattern;
  a token that is unknown; a token that is used; a token that is expired; a token for another entity;
  a token for another user; a token for the other assigner; a token with a wrong MAC; a token with a swapped key;
  a token that is revoked; a proof that is replayed; a proof that is stale; a proof from the future;
  a proof for another method; a proof for another audience; a proof for another body; a wrong second seed;
  a first seed that is spent; a first seed that is expired; a first seed of another PN; a first seed that is unknown;
  a first seed that is revoked; a registration over a live key; a target entity’s certificate above its role;
  a gateway CA’s certificate above its role; a revoked token registering again; a spent token registering again;
  a gateway CA’s certificate for an entity that the Server assigns; a caller of the wrong role;
  a caller of the wrong trust domain; a message over the limit; plaintext; TLS 1.2; a dependency that is down;
  a wrong setting`;
const OF_SERVICE_GROUPS = `a malformed description; a malformed message; a member without a registered key;
  a stranger removed; an unknown group; a deleted group; a group-id that is taken; a group over its limit;
  an entity named twice; a closed group joined; a removed member joining again; a pull by whom the group is not for;
  a pull for another PN; a version before joining; a version after leaving; a version that has retired;
  a version that was never made; a revision from the future; a revision repeated with other content;
  a request id used for something else; an acknowledgement from the future; a channel opened out of order;
  a forged statement; an altered statement; a replayed or lower statement; a wrong GKC;
  an envelope for another version; an envelope for another member; an envelope for another group;
  an altered envelope; content with a changed header; altered content; a replayed message; a message of another group`;

export const ITEMS = [OF_ENTITY_USER_KEYS, OF_SERVICE_GROUPS].flatMap((text) => text.split(/;\s+/));
