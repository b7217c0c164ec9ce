const form = /^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/;

/**
 * Parses a duration of the form that the CRDs accept (`2h30m`).
 *
 * @returns milliseconds
 * @throws RangeError for any other form
 */
export function parseDuration(value: string): number {
  const match = form.exec(value);
  if (match === null || value === '')
    throw new RangeError(`not a duration such as 2h30m: ${JSON.stringify(value)}`);
  const [, hours = '0', minutes = '0', seconds = '0'] = match;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** Writes milliseconds the way people do: `2h30m`, `45s`; less than a second is `0s`. */
export function formatDuration(milliseconds: number): string {
  let seconds = Math.max(0, Math.round(milliseconds / 1000));
  const hours = Math.floor(seconds / 3600);
  seconds -= hours * 3600;
  const minutes = Math.floor(seconds / 60);
  seconds -= minutes * 60;
  const parts = [
    hours > 0 ? `${hours}h` : '',
    minutes > 0 ? `${minutes}m` : '',
    seconds > 0 ? `${seconds}s` : '',
  ];
  return parts.join('') || '0s';
}
