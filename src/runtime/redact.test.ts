import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactText, redactValue } from './redact.ts';

const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl-_x';

describe('redactText', () => {
  it.each([
    ['a bearer token', `Authorization: Bearer ${jwt}`],
    ['an opaque bearer token', 'sent Bearer s3cr3t-value-1234 to the server'],
    ['basic credentials', 'authorization: Basic czNjcjN0LXZhbHVlLTEyMzQ='],
    ['a token without its scheme', 'authorization=s3cr3t-value-1234'],
    ['a header in JSON', '{"authorization":"s3cr3t-value-1234","accept":"x"}'],
    ['a cookie', 'Set-Cookie: JSESSIONID=s3cr3t-value-1234; Path=/'],
    ['a bare JSON web token', `token was ${jwt} and expired`],
    [
      'a SAS URL',
      'GET https://md-x.blob.core.windows.net/vhd?sv=2018-03-28&sr=b&si=1&sig=s3cr3t-value-1234%3D',
    ],
    ['a SAS signature without a URL', 'query sv=2018&sig=s3cr3t-value-1234%3D&sr=b'],
    [
      'a signed polling URL',
      'poll https://management.azure.com/subscriptions/1/operations/2?p=3&api-version=2025-04-01&t=639&c=MII&s=s3cr3t-value-1234&h=abc',
    ],
    ['a form body', 'grant_type=client_credentials&client_secret=s3cr3t-value-1234&scope=x'],
    ['a JSON secret', '{"client_secret": "s3cr3t-value-1234", "password":"s3cr3t-value-1234"}'],
    ['a JSON secret with escapes', '{"password": "a\\"s3cr3t-value-1234"}'],
    ['an access SAS', '{"properties":{"output":{"accessSAS":"https://x/y?sig=s3cr3t-value-1234"}}}'],
    ['a password in a URL', 'connect https://admin%40internal:s3cr3t-value-1234@engine.example/api'],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----\ns3cr3t-value-1234\n-----END RSA PRIVATE KEY-----'],
    ['a JSON secret that was cut off', '{"password": "s3cr3t-value-12'],
    ['half a private key', '-----BEGIN PRIVATE KEY-----\\ns3cr3t-value-1234'],
    ['an NTLM message', 'Authorization: NTLM s3cr3tvalue1234AAAB=='],
  ])('takes out %s', (_, text) => {
    const result = redactText(text);
    expect(result).toContain('[redacted]');
    expect(result).not.toMatch(/s3cr3t|czNjcjN0|eyJzdWI/);
  });

  it.each([
    'get vmsnapshots team/one: 404 NotFound: vmsnapshots.keyframe.dev "one" not found',
    'GET https://management.azure.com/subscriptions/1/providers?api-version=2025-04-01',
    'basic authentication is switched off',
    'Bearer authentication failed',
    'the token has expired',
    'secret team/azure has no key clientSecret',
    'password must be set in secret team/azure',
    'design=modern&assignment=2',
  ])('leaves alone: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it('keeps the path and the api-version of a signed URL', () => {
    expect(redactText('https://x.example/operations/2?api-version=2025-04-01&t=1&s=abc')).toBe(
      'https://x.example/operations/2?api-version=2025-04-01&[redacted]',
    );
  });

  it('finds the secret wherever it stands', () => {
    const filler = fc.string({ unit: fc.constantFrom('a', 'B', ' ', '/', '\n', '"', ',', '.') });
    fc.assert(
      fc.property(filler, filler, (before, after) => {
        const text = `${before} https://h.example/p?sig=s3cr3t&x=1 Bearer s3cr3t-token ${after}`;
        expect(redactText(text)).not.toContain('s3cr3t');
      }),
    );
  });

  it('takes no longer than a blink for long texts', () => {
    const hostile = [
      `${'https://'.repeat(20_000)}`,
      `${'a=b&'.repeat(40_000)}`,
      `${'x-'.repeat(60_000)}://`,
      'eyJ'.repeat(50_000),
    ];
    const started = performance.now();
    for (const text of hostile) redactText(text);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('redactValue', () => {
  it('takes out values under telling names, at any depth, and leaves the names', () => {
    const value = {
      headers: { Authorization: 'x1', 'x-ms-request-id': 'r1' },
      config: { clientSecret: 'x2', client_secret: 'x3', tenantID: 't', secretRef: { name: 'azure' } },
      list: [{ password: 'x4' }, { accessToken: 'x5' }],
    };
    expect(redactValue(value)).toEqual({
      headers: { Authorization: '[redacted]', 'x-ms-request-id': 'r1' },
      config: {
        clientSecret: '[redacted]',
        client_secret: '[redacted]',
        tenantID: 't',
        secretRef: { name: 'azure' },
      },
      list: [{ password: '[redacted]' }, { accessToken: '[redacted]' }],
    });
  });

  it('shows of an error only what is known to be harmless, its causes included', () => {
    const cause = Object.assign(new Error('Bearer s3cr3t-value-1234'), {
      code: 'ECONNRESET',
      request: { token: 's3cr3t' },
    });
    const error = Object.assign(new Error('failed', { cause }), {
      status: 401,
      config: { headers: { Authorization: 's3cr3t' } },
    });
    const result = redactValue({ err: error }) as { err: { cause: { code: string } } };
    expect(result.err).toMatchObject({ name: 'Error', message: 'failed', status: 401 });
    expect(result.err.cause.code).toBe('ECONNRESET');
    expect(JSON.stringify(result)).not.toContain('s3cr3t');
  });

  it('survives circles, depth, width, getters that throw and odd types', () => {
    const circle: Record<string, unknown> = { date: new Date(0), big: 1n, bytes: Buffer.from('x'), fn() {} };
    circle.self = circle;
    circle.map = new Map([[1, 2]]);
    circle.wide = Array.from({ length: 1_000 }, () => 1);
    let deep: unknown = 'end';
    for (let level = 0; level < 100; level++) deep = { deep };
    circle.deep = deep;
    Object.defineProperty(circle, 'bad', {
      enumerable: true,
      get() {
        throw new Error('no');
      },
    });
    expect(() => JSON.stringify(redactValue(circle))).not.toThrow();
    fc.assert(
      fc.property(fc.anything(), (value) => {
        JSON.stringify(redactValue(value));
      }),
    );
  });
});
