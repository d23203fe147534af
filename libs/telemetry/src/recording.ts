let recording = false;

/** Whether spans go anywhere: what nobody will see need not be made. */
export const isRecording = (): boolean => recording;

/** For {@link startTelemetry} alone. */
export function setRecording(value: boolean): void {
  recording = value;
}
