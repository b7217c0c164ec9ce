/**
 * Turns pino's JSON lines into `time LEVEL message key=value ..` for people. The stack of an error follows on its own
 * lines; a warning has none, since it tells of others: a server, the network.
 */
export function textStream(target: { write(line: string): void }): { write(line: string): void } {
  return {
    write(line) {
      const { time, level, message, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
      const parts = [String(time), String(level).toUpperCase().padEnd(5), escapeControls(String(message))];
      for (const [name, value] of Object.entries(fields)) parts.push(`${name}=${inline(value)}`);
      let stack = '';
      if (typeof err === 'object' && err !== null) {
        const { message: cause, stack: trace } = err as { message?: unknown; stack?: unknown };
        parts.push(`err=${inline(cause)}`);
        if (typeof trace === 'string' && level === 'error')
          stack = `\n${trace
            .split('\n')
            .map((each) => `    ${escapeControls(each)}`)
            .join('\n')}`;
      } else if (err !== undefined) {
        parts.push(`err=${inline(err)}`);
      }
      target.write(`${parts.join(' ')}${stack}\n`);
    },
  };
}

/** Bare when it is one word, quoted as JSON otherwise, so that no value can fake a line or a field. */
function inline(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text !== undefined && /^[\w./:@+-]+$/.test(text) ? text : JSON.stringify(value ?? null);
}

/** Control characters as escapes, so that no message can fake a line or command the terminal. */
function escapeControls(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029]/gu,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
