import { context, trace } from '@opentelemetry/api';
import pino from 'pino';
import { describeError, redact, scrub } from './redaction';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Named values beside the message; `error` shows code, reason and causes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The message is a constant sentence; whatever varies goes into fields, where it is redacted by name and by type. */
export abstract class Logger {
  abstract trace(message: string, fields?: LogFields): void;
  abstract debug(message: string, fields?: LogFields): void;
  abstract info(message: string, fields?: LogFields): void;
  abstract warn(message: string, fields?: LogFields): void;
  abstract error(message: string, fields?: LogFields): void;
  abstract fatal(message: string, fields?: LogFields): void;
  /** A logger that puts `fields` on each of its lines. */
  abstract child(fields: LogFields): Logger;
  /** True when lines of this level are written: for fields that are costly to make. */
  abstract enabled(level: Exclude<LogLevel, 'silent'>): boolean;
}

export interface LogDestination {
  write(line: string): void;
}

export interface LoggerOptions {
  /** On each line. */
  readonly service: string;
  readonly level?: LogLevel;
  /** Standard error by default, written synchronously: the last lines before a crash are the ones that matter. */
  readonly destination?: LogDestination;
}

const STDERR = 2;

function fieldsOf(fields: LogFields): Record<string, unknown> {
  const { error, ...others } = fields;
  const shown = redact(others) as Record<string, unknown>;
  return error === undefined ? shown : { ...shown, error: describeError(error) };
}

function traceOf(): Record<string, unknown> {
  const span = trace.getSpanContext(context.active());
  return span === undefined ? {} : { traceId: span.traceId, spanId: span.spanId };
}

class PinoLogger implements Logger {
  constructor(private readonly sink: pino.Logger) {}

  trace = (message: string, fields?: LogFields) => this.write('trace', message, fields);
  debug = (message: string, fields?: LogFields) => this.write('debug', message, fields);
  info = (message: string, fields?: LogFields) => this.write('info', message, fields);
  warn = (message: string, fields?: LogFields) => this.write('warn', message, fields);
  error = (message: string, fields?: LogFields) => this.write('error', message, fields);
  fatal = (message: string, fields?: LogFields) => this.write('fatal', message, fields);

  child(fields: LogFields): Logger {
    return new PinoLogger(this.sink.child(fieldsOf(fields)));
  }

  enabled(level: Exclude<LogLevel, 'silent'>): boolean {
    return this.sink.isLevelEnabled(level);
  }

  private write(level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields): void {
    if (!this.enabled(level)) return;
    // pino formats %s in a message only when it gets more arguments, and it gets none
    this.sink[level](fields === undefined ? {} : fieldsOf(fields), scrub(message));
  }
}

/** One JSON object per line: level, time (ISO 8601), service, pid, trace ids where there are any, message, fields. */
export function createLogger(options: LoggerOptions): Logger {
  const sink = pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service, pid: process.pid },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: traceOf,
    },
    options.destination ?? pino.destination({ fd: STDERR, sync: true }),
  );
  return new PinoLogger(sink);
}
