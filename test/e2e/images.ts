/** The images of a run: the operator's by the project's own Dockerfile, one of a later version, and the kubelet's pause. */
import { access, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from '../controlplane/binaries.ts';
import { cacheRoot } from '../controlplane/programs.ts';
import { isolated, run } from './isolated.ts';
import { isOnPath } from './prerequisites.ts';

const project = fileURLToPath(new URL('../../', import.meta.url));
const bases = fileURLToPath(new URL('bases/', import.meta.url));
const debian = 'localhost/keyframe-e2e/debian:bookworm';
const suite = 'bookworm';

export const repository = 'localhost/keyframe';
export const pauseImage = 'registry.k8s.io/pause:3.10';

/** An image that can be had neither from its registry nor by other means. */
export class ImageUnavailable extends Error {}

/** What was built. */
export interface Images {
  /** Archives that containerd imports. */
  archives: string[];
  /** Tags of `repository`, each the version that the operator in it tells: that of package.json, and a later one. */
  tags: { first: string; next: string };
}

/**
 * Builds the images and writes them to a folder. Bases are pulled, or made here where their registry cannot be
 * reached; those are kept in the user's cache folder, as etcd and the others are.
 *
 * @param folder for what is temporary, and for the archives
 * @param say told what goes on
 */
export async function buildImages(folder: string, say: (line: string) => void): Promise<Images> {
  const { platform, arch, env: environment } = process;
  const cache = join(dirname(cacheRoot({ environment, home: homedir(), platform, arch })), 'e2e');
  await mkdir(cache, { recursive: true, mode: 0o700 });
  const build = new Build(cache, folder, say);
  return withLock(join(cache, 'images'), () => build.all());
}

class Build {
  readonly #buildah: string[];
  readonly #folder: string;
  readonly #say: (line: string) => void;

  constructor(cache: string, folder: string, say: (line: string) => void) {
    // Of Docker's and the system's own storage nothing is used.
    this.#buildah = ['buildah', '--root', join(cache, 'storage'), '--runroot', join(folder, 'buildah')];
    this.#folder = folder;
    this.#say = say;
  }

  async all(): Promise<Images> {
    const text = await readFile(join(project, 'Dockerfile'), 'utf8');
    const named = (argument: string) => {
      const name = new RegExp(`^ARG ${argument}=(\\S+)$`, 'm').exec(text)?.[1];
      if (name === undefined) throw new Error(`the Dockerfile has no default for ${argument}`);
      return name;
    };
    await this.#base(named('BUILD_IMAGE'), 'build');
    await this.#base(named('RUNTIME_IMAGE'), 'runtime');
    await this.#base(pauseImage, 'pause');

    const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as { version: string };
    const first = manifest.version;
    const next = `${first}-next`;
    this.#say(`building ${repository}:${first} from the Dockerfile`);
    await this.#build(project, [
      ...(await this.#npmSettings()),
      `--build-arg=VERSION=${first}`,
      `--tag=${repository}:${first}`,
    ]);
    this.#say(`building ${repository}:${next}`);
    const context = join(this.#folder, 'next');
    await mkdir(context);
    await writeFile(join(context, 'package.json'), JSON.stringify({ ...manifest, version: next }));
    await copyFile(join(bases, 'next.Dockerfile'), join(context, 'Dockerfile'));
    const before = `--build-arg=BEFORE=${repository}:${first}`;
    await this.#build(context, [before, `--tag=${repository}:${next}`]);
    // What the tags stood for before, and the stages.
    await this.#run(['rmi', '--prune', '--force']);

    const archives: string[] = [];
    for (const name of [pauseImage, `${repository}:${first}`, `${repository}:${next}`]) {
      const archive = join(this.#folder, `image-${archives.length}.tar`);
      await this.#run(['push', '--quiet', name, `docker-archive:${archive}:${name}`]);
      archives.push(archive);
    }
    return { archives, tags: { first, next } };
  }

  /** Pulls an image, or makes one in its place and gives it its name. */
  async #base(name: string, target: string): Promise<void> {
    const failure = await this.#run(['pull', '--quiet', '--policy=always', name], 5).then(
      () => undefined,
      (error: Error) => error.message.trim().split('\n').at(-1),
    );
    if (failure === undefined) return this.#say(`pulled ${name}`);
    this.#say(`making ${name} here, since it cannot be pulled: ${failure}`);
    await this.#debian();
    const contexts = { node: dirname(process.execPath), npm: await npmFolder() };
    await this.#build(bases, [
      ...Object.entries(contexts).map(([context, path]) => `--build-context=${context}=${path}`),
      `--build-arg=DEBIAN=${debian}`,
      `--target=${target}`,
      `--tag=${name}`,
    ]);
  }

  /** Makes a small Debian, unless the cache has one. */
  async #debian(): Promise<void> {
    const isThere = await this.#run(['inspect', '--type=image', debian]).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    if (!(await isOnPath('debootstrap')))
      throw new ImageUnavailable(
        'the base images can neither be pulled nor made: on Debian, apt-get install debootstrap',
      );
    this.#say('making a Debian with debootstrap; this takes a minute or two, once');
    const root = join(this.#folder, 'debian');
    const packages = '--include=ca-certificates,libstdc++6,libatomic1';
    await run(isolated(['nice', 'debootstrap', '--variant=minbase', packages, suite, root]));
    for (const path of ['var/cache/apt', 'var/lib/apt/lists', 'usr/share/doc', 'usr/share/locale'])
      await rm(join(root, path), { recursive: true });
    const container = (await this.#run(['from', 'scratch'])).trim();
    await this.#run(['copy', '--quiet', container, root, '/']);
    await this.#run(['commit', '--quiet', '--rm', container, debian]);
    await rm(root, { recursive: true });
  }

  /** What npm needs to reach its registry in a build as it does here: the user's settings, and whom to trust. */
  async #npmSettings(): Promise<string[]> {
    const command = ['npm', 'config', 'get'];
    const setting = async (key: string) => (await run([...command, key], { cwd: project })).trim();
    const own = await readFile(await setting('userconfig'), 'utf8').catch(() => '');
    const authorities = [await setting('cafile'), process.env.NODE_EXTRA_CA_CERTS ?? ''].find(
      (path) => path !== '' && path !== 'null',
    );
    const lines = [own, `registry=${await setting('registry')}`];
    const volumes: string[] = [];
    if (authorities !== undefined) {
      lines.push('cafile=/root/authorities.pem');
      volumes.push(`--volume=${authorities}:/root/authorities.pem:ro`);
    }
    const file = join(this.#folder, 'npmrc');
    await writeFile(file, lines.join('\n'), { mode: 0o600 });
    return [...volumes, `--volume=${file}:/root/.npmrc:ro`];
  }

  async #build(context: string, args: string[]): Promise<void> {
    await this.#run(['build', '--layers', '--pull=never', ...args, context]);
  }

  #run(args: string[], minutes?: number): Promise<string> {
    const env = { ...process.env, BUILDAH_ISOLATION: 'chroot' };
    const options = { env, ...(minutes === undefined ? {} : { minutes }) };
    return run(isolated(['nice', ...this.#buildah, ...args]), options);
  }
}

/** The folder of the npm that runs us; it has its dependencies in it. */
async function npmFolder(): Promise<string> {
  const program = process.env.npm_execpath ?? '';
  const folder = dirname(dirname(program));
  if (basename(program) === 'npm-cli.js') {
    const own = await access(join(folder, 'node_modules')).then(
      () => true,
      () => false,
    );
    if (own) return folder;
  }
  throw new ImageUnavailable(
    'the base images cannot be pulled, and none can be made without an npm of its own makers: start this by npm run e2e',
  );
}
