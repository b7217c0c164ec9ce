/** What stands in the place of a secret. */
export const redacted = '[redacted]';

/** Member names whose values are never shown, compared without case, `-` and `_`. */
const secretNames =
  /^(proxy)?authorization$|^(set)?cookie$|password|passphrase|secret$|secretvalue|clientassertion|^token$|(access|refresh|id|bearer|session|saml|auth|api)token$|apikey|privatekey|^sig(nature)?$|sastoken|accesssas|connectionstring/;

/** Names of query and form parameters whose values are secrets. */
const secretParameters =
  'sig|signature|client_secret|client_assertion|password|passwd|pwd|secret|token|access_token|refresh_token|id_token|assertion|code|api[-_]?key|x-amz-[a-z-]+|se|sv|sp|skoid|sktid|t|c|s|h';

// Every repetition before a fixed part is bounded, so that no text makes a rule slow.
const textRules: [RegExp, string][] = [
  // PEM private keys, also with escaped newlines or cut off.
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, redacted],
  // User and password in a URL.
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#@"'<>]{1,1024}@/gi, `$1${redacted}@`],
  // Header lines, and headers dumped as JSON.
  [
    /\b((?:proxy-)?authorization|(?:set-)?cookie)(["']?\s{0,4}[:=]\s{0,4}["']?)(?:(?:bearer|basic|negotiate|ntlm|digest|sharedkey)\s{1,4})?[^\s"',;]+/gi,
    `$1$2${redacted}`,
  ],
  // A scheme followed by what looks like a credential rather than a word.
  [
    /\b([Bb]earer|BEARER|[Bb]asic|BASIC|[Nn]egotiate|NTLM)\s{1,4}(?=[\w.~+/-]{0,200}[0-9=]|[\w.~+/-]{0,200}[a-z][A-Z])[\w.~+/-]{8,}={0,2}/g,
    `$1 ${redacted}`,
  ],
  // A JSON web token anywhere.
  [/\beyJ[\w-]{8,1024}\.[\w-]{8,16384}(?:\.[\w-]*)?/g, redacted],
  // Members of JSON, also when the text was cut off within one, and parameters of forms and queries.
  [
    /(["'](?:client_?secret|client_?assertion|password|passphrase|access_?token|refresh_?token|id_?token|token|secret|accessSAS|sas_?token|api_?key|private_?key|sig)["']\s{0,4}:\s{0,4})"(?:[^"\\]|\\.)*(?:"|\\?$)/gi,
    `$1"${redacted}"`,
  ],
  [
    /((?:^|[?&;,\s])(?:client_?secret|client_?assertion|password|passwd|passphrase|access_?token|refresh_?token|id_?token|token|secret|sig|signature|api_?key)=)[^\s&;,"'<>]+/gi,
    `$1${redacted}`,
  ],
];

const longestText = 16_384;
const urlWithQuery = /\bhttps?:\/\/[^\s"'<>?]{1,2048}\?[^\s"'<>]+/gi;
const signedQuery = new RegExp(`[?&](?:${secretParameters})=`, 'i');
const apiVersionParameter = /[?&](api-version=[\w.-]+)/i;

/**
 * Takes secrets out of a text: authorization values, tokens, passwords, private keys, and the whole query of a
 * signed URL (SAS, Azure polling URLs) but for its api-version. A text of more than 16,384 characters is cut.
 */
export function redactText(text: string): string {
  const short = text.length > longestText ? `${text.slice(0, longestText)}…` : text;
  let result = short.replace(urlWithQuery, (url) => {
    const query = url.indexOf('?');
    if (!signedQuery.test(url.slice(query))) return url;
    const version = apiVersionParameter.exec(url.slice(query))?.[1];
    return `${url.slice(0, query)}?${version === undefined ? '' : `${version}&`}${redacted}`;
  });
  for (const [pattern, replacement] of textRules) result = result.replace(pattern, replacement);
  return result;
}

const maxDepth = 8;
const maxMembers = 100;

/**
 * A copy of a value that is fit to be logged: secrets taken out of every text and under every telling name,
 * errors turned into `{name, message, stack, cause, ..}`, and depth and width bounded. Never throws.
 */
export function redactValue(value: unknown): unknown {
  return copy(value, 0, new Set());
}

function copy(value: unknown, depth: number, above: Set<object>): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value);
  if (typeof value === 'function') return '[function]';
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return '[binary]';
  if (above.has(value)) return '[circular]';
  if (depth >= maxDepth) return '[too deep]';
  above.add(value);
  try {
    if (Array.isArray(value)) return value.slice(0, maxMembers).map((item) => copy(item, depth + 1, above));
    if (value instanceof Error) return copyError(value, depth, above);
    if (value instanceof Map || value instanceof Set) return `[${value.constructor.name} of ${value.size}]`;
    return copyMembers(value, depth, above);
  } catch {
    return '[unreadable]';
  } finally {
    above.delete(value);
  }
}

function copyMembers(value: object, depth: number, above: Set<object>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value).slice(0, maxMembers)) {
    const secret = secretNames.test(name.toLowerCase().replaceAll(/[-_]/g, ''));
    result[name] =
      secret && member !== undefined && member !== null ? redacted : copy(member, depth + 1, above);
  }
  return result;
}

/** Only what an error is known to hold: clients hang whole requests, with their headers, on their errors. */
function copyError(error: Error, depth: number, above: Set<object>): Record<string, unknown> {
  const result: Record<string, unknown> = {
    name: error.name,
    message: redactText(error.message),
    stack: redactText(error.stack ?? ''),
  };
  for (const name of ['code', 'status', 'statusCode', 'reason', 'sent', 'vendorCode', 'retryAfterMs']) {
    const member = (error as unknown as Record<string, unknown>)[name];
    if (typeof member === 'string' || typeof member === 'number' || typeof member === 'boolean') {
      result[name] = typeof member === 'string' ? redactText(member) : member;
    }
  }
  if (error.cause !== undefined) result.cause = copy(error.cause, depth + 1, above);
  if (error instanceof AggregateError) result.errors = copy(error.errors, depth + 1, above);
  return result;
}
