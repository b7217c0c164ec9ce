import { describe, expect, it } from 'vitest';
import { ApiError } from './kube/errors.ts';
import { createLogger, type Logger, type LogOptions, silentLogger } from './log.ts';

function setUp(options: LogOptions = {}): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { lines, log: createLogger({ ...options, destination: { write: (line) => lines.push(line) } }) };
}

describe('the logger', () => {
  it('writes one JSON object for each line, with time, level, message and the fields of its parents', () => {
    const { log, lines } = setUp();
    log.child({ controller: 'vmsnapshot' }).child({ object: 'team/one' }).info('created', { vendorID: 'x' });
    const line = JSON.parse(lines[0] ?? '');
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      controller: 'vmsnapshot',
      object: 'team/one',
      vendorID: 'x',
      message: 'created',
    });
  });

  it('writes nothing below its level, and does not look at the fields then', () => {
    const { log, lines } = setUp({ level: 'warn' });
    let looked = false;
    const fields = {
      get costly() {
        looked = true;
        return 1;
      },
    };
    log.debug('no', fields);
    log.info('no', fields);
    log.warn('yes');
    expect([lines.length, looked]).toEqual([1, false]);
  });

  it('takes secrets out of messages, fields, parents and errors', () => {
    const { log, lines } = setUp();
    const err = new ApiError({ status: 401, reason: '', message: 'Authorization: Bearer s3cr3t-1234' });
    log
      .child({ password: 's3cr3t-1234' })
      .error('GET https://x/?sig=s3cr3t-1234', { err, url: 'https://x/?sig=s3cr3t' });
    expect(lines.join('')).not.toContain('s3cr3t');
    expect(JSON.parse(lines[0] ?? '').err).toMatchObject({ name: 'ApiError', status: 401 });
  });

  it('writes text that people can read, and that no value can fake', () => {
    const { log, lines } = setUp({ format: 'text' });
    log.warn('looks odd', {
      object: 'team/one',
      note: 'a b\nERROR fake',
      count: 3,
      err: new Error('broken'),
    });
    const [first = '', ...rest] = (lines[0] ?? '').split('\n');
    expect(first).toMatch(
      /^\S+Z WARN {2}looks odd object=team\/one note="a b\\nERROR fake" count=3 err=broken$/,
    );
    expect(rest).toEqual(['']);
  });

  it('shows in text where an error comes from, and not where a warning does', () => {
    const { log, lines } = setUp({ format: 'text' });
    log.warn('refused', { err: new Error('broken') });
    log.error('failed', { err: new Error('broken') });
    expect(lines[0]?.split('\n').length).toBe(2);
    expect(lines[1]?.split('\n').slice(1, 3)).toEqual([
      expect.stringMatching(/^ {4}Error: broken$/),
      expect.stringMatching(/^ {8}at /),
    ]);
  });

  it('keeps a message on one line in text', () => {
    const { log, lines } = setUp({ format: 'text' });
    log.info('one\ntwo');
    expect(lines[0]?.split('\n').length).toBe(2);
  });

  it('can be silent', () => {
    const { log, lines } = setUp({ level: 'silent' });
    log.error('no');
    silentLogger.child({ a: 1 }).error('no');
    expect(lines).toEqual([]);
  });
});
