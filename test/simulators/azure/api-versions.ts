import { contractError } from './errors.ts';

/** Which provider's line of versions an operation belongs to (Azure sheet, section 1). */
export type VersionLine = 'compute' | 'disk' | 'resources' | 'metadata';

/** The first Compute version with the `properties` envelope on restore points. */
export const firstEnvelopeVersion = '2022-03-01';

const withoutEnvelope = ['2021-03-01'];

const known: Record<VersionLine, readonly string[]> = {
  // Those the sheet names, and those the official JavaScript client sends.
  compute: [
    '2022-03-01',
    '2022-08-01',
    '2022-11-01',
    '2023-03-01',
    '2023-07-01',
    '2023-09-01',
    '2024-03-01',
    '2024-07-01',
    '2024-11-01',
    '2025-04-01',
    '2025-11-01',
    '2026-03-01',
    '2026-04-01',
  ],
  disk: [
    '2022-03-02',
    '2022-07-02',
    '2023-01-02',
    '2023-04-02',
    '2023-10-02',
    '2024-03-02',
    '2025-01-02',
    '2026-03-02',
  ],
  resources: [
    '2020-06-01',
    '2021-01-01',
    '2021-04-01',
    '2022-09-01',
    '2022-12-01',
    '2023-07-01',
    '2024-03-01',
    '2024-11-01',
    '2025-04-01',
  ],
  metadata: ['1.0', '2015-01-01', '2019-05-01', '2020-06-01', '2022-09-01'],
};

/** The accepted versions of a line; those without the envelope only when asked for. */
export function acceptedVersions(line: VersionLine, acceptWithoutEnvelope: boolean): readonly string[] {
  return line === 'compute' && acceptWithoutEnvelope ? [...withoutEnvelope, ...known.compute] : known[line];
}

/**
 * Checks the api-version of a request.
 *
 * @param resourceType the type below the provider, such as `restorePointCollections/restorePoints`
 * @throws ArmError 400 in ARM's words when it is absent, ill-formed or unknown
 */
export function checkApiVersion(
  version: string | null,
  line: VersionLine,
  resourceType: string,
  acceptWithoutEnvelope: boolean,
): string {
  const accepted = acceptedVersions(line, acceptWithoutEnvelope);
  const supported = accepted.map((candidate) => candidate).join(', ');
  if (version === null || version === '') {
    throw contractError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
    );
  }
  if (accepted.includes(version)) return version;
  const wellFormed = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(-preview|-privatepreview)?$/.test(version);
  if (!wellFormed || line === 'resources' || line === 'metadata') {
    throw contractError(
      400,
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid. The supported versions are '${supported}'.`,
    );
  }
  throw contractError(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '' and API version '${version}' for type '${resourceType}'. ` +
      `The supported api-versions are '${supported}'.`,
  );
}
