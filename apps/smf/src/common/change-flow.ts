/** The flows by which a group changes. */
export type ChangeFlow = 'FLOW-PULL' | 'FLOW-PUSH' | 'GK-UPDATE-M' | 'GK-DELETE';
