import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** MIT's own key distribution centre, on the loopback address, for one realm. */
export interface KDC extends AsyncDisposable {
  readonly realm: string;
  /** A krb5.conf that finds it. */
  readonly configuration: string;
  /** Adds a principal with a random key and gives its keytab. */
  addPrincipal(name: string): Promise<{ principal: string; keytab: Buffer; keytabFile: string }>;
  /** Ends it; principals stay. */
  stop(): Promise<void>;
}

/** Starts one in a temporary folder. Throws when MIT's programs are not there (Debian: krb5-kdc, krb5-admin-server). */
export async function startKDC(realm = 'KEYFRAME.TEST'): Promise<KDC> {
  const folder = await mkdtemp(join(tmpdir(), 'keyframe-kdc-'));
  const port = await freePort();
  const configuration = join(folder, 'krb5.conf');
  await writeFile(
    configuration,
    `[libdefaults]
  default_realm = ${realm}
  dns_lookup_realm = false
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  ${realm} = {
    kdc = 127.0.0.1:${port}
  }
[domain_realm]
  localhost = ${realm}
`,
  );
  await writeFile(
    join(folder, 'kdc.conf'),
    `[realms]
  ${realm} = {
    database_name = ${folder}/principal
    key_stash_file = ${folder}/stash
    acl_file = ${folder}/kadm5.acl
    kdc_listen = 127.0.0.1:${port}
    kdc_tcp_listen = 127.0.0.1:${port}
    max_life = 1h
  }
`,
  );
  const env = {
    PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`,
    KRB5_CONFIG: configuration,
    KRB5_KDC_PROFILE: join(folder, 'kdc.conf'),
  };
  let server: ChildProcess | undefined;
  const stop = async (): Promise<void> => {
    const child = server;
    server = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    await gone;
  };
  const dispose = async (): Promise<void> => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await run('kdb5_util', ['-r', realm, 'create', '-s', '-P', 'master'], { env });
    server = spawn('krb5kdc', ['-n', '-r', realm], { env, stdio: 'ignore' });
    await listening(server, port);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    realm,
    configuration,
    async addPrincipal(name) {
      const principal = `${name}@${realm}`;
      const keytabFile = join(folder, `${name.replace(/\W/g, '-')}.keytab`);
      await run('kadmin.local', ['-r', realm, '-q', `addprinc -randkey ${principal}`], { env });
      await run('kadmin.local', ['-r', realm, '-q', `ktadd -k ${keytabFile} ${principal}`], { env });
      return { principal, keytab: await readFile(keytabFile), keytabFile };
    },
    stop,
    [Symbol.asyncDispose]: dispose,
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(server: ChildProcess, port: number): Promise<void> {
  for (const until = Date.now() + 10_000; Date.now() < until; await sleep(50)) {
    if (server.exitCode !== null) throw new Error(`krb5kdc ended with ${server.exitCode}`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
  }
  throw new Error('krb5kdc does not listen');
}
