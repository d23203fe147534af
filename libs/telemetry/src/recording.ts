let recording = false;

/** Whether spans are exported: without an exporter none is made. */
export const isRecording = (): boolean => recording;

/** For {@link startTelemetry} alone. */
export function setRecording(value: boolean): void {
  recording = value;
}
