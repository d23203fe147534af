export * from './flows';
export * from './logger';
export { isRecording } from './recording';
export * from './redaction';
export * from './steps';
export * from './trace-context';
export * from './tracing';
