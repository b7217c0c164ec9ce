import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { TicketProcess } from './ticket-process.ts';

/** The keytabs that lie about, wherever that is here. */
function keytabs(): string[] {
  return ['/dev/shm', tmpdir()].flatMap((folder) => {
    try {
      return readdirSync(folder).filter((name) => name.startsWith(`keyframe-krb5-${process.pid}-`));
    } catch {
      return [];
    }
  });
}

/** With it and a real key distribution centre: `test/kerberos`. */
const hasPackage = (() => {
  try {
    import.meta.resolve('kerberos');
    return true;
  } catch {
    return false;
  }
})();

test('without the package, or a realm, there is no token but a cause, and no keytab stays behind', async () => {
  const before = keytabs();
  const tickets = new TicketProcess({ principal: 'a@NO.SUCH.REALM', keytab: Buffer.from([5, 2, 0, 0]) });
  const answer = await tickets.token('HTTP@localhost');
  expect(answer).toMatchObject({
    cause: hasPackage ? expect.stringMatching(/Refused|Unreachable|Missing/) : 'Missing',
  });
  await tickets.close();
  expect(keytabs()).toEqual(before);
});

test('who waits no longer is answered at once, and a closed provider answers those who wait', async () => {
  const tickets = new TicketProcess({ principal: 'a@NO.SUCH.REALM', keytab: Buffer.from([5, 2, 0, 0]) });
  expect(await tickets.token('HTTP@localhost', AbortSignal.abort())).toMatchObject({ cause: 'Aborted' });
  const controller = new AbortController();
  const [given, waiting] = [
    tickets.token('HTTP@localhost', controller.signal),
    tickets.token('HTTP@localhost'),
  ];
  controller.abort();
  expect(await given).toMatchObject({ cause: 'Aborted' });
  await tickets.close();
  expect(await waiting).toMatchObject({ cause: 'Unreachable', message: 'the provider is closed' });
});
