/** Rows of one altered message: two of a kind are made, one is sent as it is, and one thing is changed in the other. */
import type { AssignmentRequest, RegistrationRequest } from '@cpns/contracts';
import type { KeyForm } from '@cpns/key-derivation';
import {
  sealAssignment,
  sealCertificateRegistration,
  sealSecretRegistration,
  type AssignmentDraft,
  type CertificateRegistrationDraft,
  type SecretRegistrationDraft,
} from './drafts';
import { row, type Expected } from './row';
import {
  certificateDraft,
  certificateFor,
  draftFor,
  freshSecretDraft,
  register,
  REGISTRATION_PORTS,
  TOKEN_AND_SERVER,
  type KeyRow,
  type RegistrationPort,
  type Stage,
} from './stages';
import type { CastWorld } from './world';

/** What is changed in what its holder would send: the test has the secrets, and seals it. */
export type Change<D> = (draft: D, world: CastWorld) => Partial<D> | Promise<Partial<D>>;
/** One kind of bad input; the user is that of the token, and none without it. */
export type Altered<D, C = Change<D>> = readonly [id: string, item: string, expect: Expected, change: C, user?: string];

export interface OnTheWay {
  readonly draft?: Change<AssignmentDraft>;
  /** Changes the message under its MAC. */
  readonly message?: (request: AssignmentRequest) => Partial<AssignmentRequest>;
  /** The path that is told to the Server, where that is data. */
  readonly told?: string;
}
export type AlteredAssignment = Altered<AssignmentDraft, Change<AssignmentDraft> | OnTheWay>;

/** Every alteration at every stage, in the form that is asked for there unless another is named. */
export const assignmentRows = (stages: readonly Stage[], specs: readonly AlteredAssignment[], form?: KeyForm) =>
  specs.flatMap(([id, item, expect, change, user = '']) => {
    const { draft, message, told }: OnTheWay = typeof change === 'function' ? { draft: change } : change;
    return stages.map((stage): KeyRow => {
      const admitted = async (world: CastWorld) =>
        draftFor(stage, world, await stage.admit(world, { form: form ?? stage.form, user }));
      return row([`${id} (${stage.name})`, item, expect], stage.at, async (world) => {
        const own = await admitted(world);
        const changed = sealAssignment({ ...own, ...(await draft?.(own, world)) });
        const [altered, other] = [{ ...changed, ...message?.(changed) }, sealAssignment(await admitted(world))];
        return {
          good: () => stage.send(world, other),
          bad: () => stage.send(world, altered, told),
          // a refused message burns nothing
          after: () => stage.send(world, sealAssignment(own)),
        };
      });
    });
  });

const registrationRows = <D extends object>(
  specs: readonly Altered<D>[],
  ports: readonly RegistrationPort[],
  make: (world: CastWorld, user?: string) => Promise<D>,
  seal: (draft: D) => RegistrationRequest,
): KeyRow[] =>
  specs.flatMap(([id, item, expect, change, user]) =>
    ports.map((at) =>
      row([`${id} (registration)`, item, expect], at, async (world) => {
        const own = await make(world, user);
        const [other, altered] = [seal(await make(world, user)), seal({ ...own, ...(await change(own, world)) })];
        return {
          good: () => register(world, at, other),
          bad: () => register(world, at, altered),
          after: () => register(world, at, seal(own)),
        };
      }),
    ),
  );

/** Registrations of a secret; what is altered is confirmed by S. */
export const secretRows = (specs: readonly Altered<SecretRegistrationDraft>[], ports = [...REGISTRATION_PORTS]) =>
  registrationRows(specs, ports, freshSecretDraft, sealSecretRegistration);

/** What an honest holder of a certificate by the test's gateway registers. */
export const freshCertificateDraft = async (world: CastWorld, user = ''): Promise<CertificateRegistrationDraft> => {
  const token = await world.admit({ form: 'key-pair', assigner: 'probe', user });
  return certificateDraft(token, await certificateFor(token, world.probe.ca));
};

/** Registrations of a certificate; what is altered is signed with the key of the draft. */
export const certificateRows = (specs: readonly Altered<CertificateRegistrationDraft>[]) =>
  registrationRows(specs, TOKEN_AND_SERVER, freshCertificateDraft, sealCertificateRegistration);
