/** The part of the package that is used here; it comes without types. */
declare module 'fs-native-extensions' {
  /** Locks the whole file for this file descriptor, until that is closed or its process ends. @returns whether it did */
  export function tryLock(fd: number): boolean;
}
