import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBody, readLines, TooLargeError } from './body.ts';
import { ApiError } from './errors.ts';
import { apiErrorOf } from './failures.ts';

/** The bytes of a text in chunks of any size. */
function chunked(bytes: Buffer, sizes: number[]): Readable {
  const chunks: Buffer[] = [];
  for (let start = 0, index = 0; start < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    chunks.push(bytes.subarray(start, start + size));
    start += size;
  }
  return Readable.from(chunks);
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

describe('reading bodies', () => {
  it('gives every complete line of any text, wherever it is cut', async () => {
    const text = fc.array(fc.string({ unit: fc.constantFrom('a', 'ä', '😀', ' ', '\n', '{') }));
    await fc.assert(
      fc.asyncProperty(text, sizes, async (parts, cuts) => {
        const whole = parts.join('\n');
        const lines: string[] = [];
        for await (const line of readLines(chunked(Buffer.from(whole), cuts), 1_000)) lines.push(line);
        expect(lines).toEqual(
          whole
            .split('\n')
            .slice(0, -1)
            .filter((line) => line.trim() !== ''),
        );
      }),
    );
  });

  it('gives the whole text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), sizes, async (text, cuts) => {
        const bytes = Buffer.from(text);
        expect(await readBody(chunked(bytes, cuts), bytes.length)).toBe(bytes.toString());
      }),
    );
  });

  it('takes what is as large as allowed, and nothing larger', async () => {
    expect(await readBody(chunked(Buffer.alloc(10, 'x'), [3]), 10)).toBe('x'.repeat(10));
    await expect(readBody(chunked(Buffer.alloc(11, 'x'), [3]), 10)).rejects.toBeInstanceOf(TooLargeError);
  });
});

describe('failures', () => {
  it('make an ApiError of any body', () => {
    fc.assert(
      fc.property(fc.integer({ min: 300, max: 599 }), fc.jsonValue(), (status, body) => {
        const error = apiErrorOf('get x', status, body, undefined);
        expect(error).toBeInstanceOf(ApiError);
        expect([error.status, typeof error.reason, typeof error.message]).toEqual([
          status,
          'string',
          'string',
        ]);
      }),
    );
  });

  it('cut long messages', () => {
    expect(apiErrorOf('get x', 500, { message: 'x'.repeat(10_000) }, undefined).message.length).toBeLessThan(
      2_100,
    );
  });
});
