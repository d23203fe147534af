/** Who this process is: the authenticated sender or receiver in its flow steps. */
export abstract class OwnIdentity {
  /** `cpns://...`, as its certificate says. */
  abstract readonly uri: string;
}
