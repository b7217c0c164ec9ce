/** The version of an engine (oVirt sheet, section 1). */
export interface EngineVersion {
  major: number;
  minor: number;
  build: number;
  /** As people know it: `4.5.4-1.el8`, or the numbers. */
  full: string;
}

/** The shapes of the API. */
export type APIVersion = 3 | 4;

/** What a provider asks for. */
export type WantedAPIVersion = 'Auto' | 'V4' | 'V3';

/** Whether an engine is of a release, such as `4.2`, or a later one. */
export function atLeast(version: EngineVersion, release: string): boolean {
  const [major = 0, minor = 0, build = 0] = release.split('.').map(Number);
  if (version.major !== major) return version.major > major;
  if (version.minor !== minor) return version.minor > minor;
  return version.build >= build;
}

/**
 * The shape to speak with an engine; a text says why there is none, as a sentence. Engines 3.1 to 3.6 speak v3, 4.0
 * to 4.3 both, 4.4 and later v4 only; RHEV 3.0 shows neither type nor status of snapshots (oVirt sheet, sections 1
 * and 9).
 */
export function chooseAPIVersion(version: EngineVersion, wanted: WantedAPIVersion): APIVersion | string {
  if (!atLeast(version, '3.1')) {
    return `the engine is of release ${version.full}, which does not tell how a snapshot stands; releases from 3.1 on are supported`;
  }
  if (version.major === 3) {
    return wanted === 'V4'
      ? `the engine is of release ${version.full}, which speaks API v3 only. Set spec.ovirt.apiVersion to V3 or Auto`
      : 3;
  }
  if (wanted !== 'V3') return 4;
  return atLeast(version, '4.4')
    ? `the engine is of release ${version.full}, which speaks API v4 only. Set spec.ovirt.apiVersion to V4 or Auto`
    : 3;
}
