/** What a response body is read from. */
type Chunks = AsyncIterable<Uint8Array> & { destroy(error?: Error): unknown };

/** A body, or one line of it, is larger than allowed. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

/** Reads a body to its end as UTF-8. Throws {@link TooLargeError}, and drops the connection, when it is larger than `maxBytes`. */
export async function readBody(body: Chunks, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) {
      body.destroy();
      throw new TooLargeError(`the answer is larger than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString('utf8');
}

/**
 * Reads a body line by line, empty lines left out. Throws {@link TooLargeError} when one line is larger than `maxBytes`. What follows
 * the last newline is dropped: a watch that was cut off in the middle of an event has not sent that event.
 */
export async function* readLines(body: Chunks, maxBytes: number): AsyncGenerator<string, void, undefined> {
  const newline = 0x0a;
  let pending: Uint8Array[] = [];
  let pendingSize = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const tail = chunk.subarray(start, end);
      start = end + 1;
      const line =
        pendingSize === 0
          ? Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength).toString('utf8')
          : Buffer.concat([...pending, tail]).toString('utf8');
      pending = [];
      pendingSize = 0;
      if (line.trim() !== '') yield line;
    }
    if (start < chunk.length) {
      pending.push(chunk.subarray(start));
      pendingSize += chunk.length - start;
      if (pendingSize > maxBytes) {
        body.destroy();
        throw new TooLargeError(`one event is larger than ${maxBytes} bytes`);
      }
    }
  }
}
