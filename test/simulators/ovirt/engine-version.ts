/** The version of an engine, as its API root tells it. */
export interface EngineVersion {
  major: number;
  minor: number;
  build: number;
  revision: number;
  /** With the packaging's suffix, such as `4.5.4-1.el8`. */
  full: string;
}

/** The shapes of the API. */
export type ApiVersion = 3 | 4;

/**
 * Reads a version such as `4.5.4` or `3.6`; missing parts are 0.
 *
 * @throws when it does not begin with two numbers, or names a release the simulator does not know
 */
export function parseVersion(text: string): EngineVersion {
  const parts = /^(\d+)\.(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text);
  if (parts === null) throw new RangeError(`'${text}' is no engine version; give one such as 4.5.4.`);
  const [major, minor, build, revision] = parts.slice(1).map((part) => Number(part ?? 0));
  const version: EngineVersion = {
    major: major ?? 0,
    minor: minor ?? 0,
    build: build ?? 0,
    revision: revision ?? 0,
    full: text.includes('-') ? text : `${text}-1.el${(major ?? 0) >= 4 ? 8 : 6}`,
  };
  if (!atLeast(version, '3.0') || atLeast(version, '4.6')) {
    throw new RangeError(`Engine ${text} is not simulated; engines 3.0 to 4.5 are.`);
  }
  return version;
}

/** Whether the engine is of that release or a later one. */
export function atLeast(version: EngineVersion, release: string): boolean {
  const wanted = release.split('.').map(Number);
  const have = [version.major, version.minor, version.build, version.revision];
  for (const [index, part] of wanted.entries()) {
    const difference = (have[index] ?? 0) - part;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** The shapes that this engine speaks (oVirt sheet, section 1). */
export function spokenBy(version: EngineVersion): readonly ApiVersion[] {
  if (version.major === 3) return [3];
  return atLeast(version, '4.4') ? [4] : [3, 4];
}
