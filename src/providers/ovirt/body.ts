/** The body of a request, by its names in XML and JSON; members that are undefined are left out. */
export interface Body {
  [name: string]: string | boolean | Body | Body[] | undefined;
}

export type MediaType = 'xml' | 'json';

/** The content types of requests and answers. */
export const contentTypes: Record<MediaType, string> = {
  xml: 'application/xml',
  json: 'application/json',
};

/** Writes a body. JSON has nothing around it; in XML an `id` is an attribute (oVirt sheet, sections 2 and 6). */
export function writeBody(root: string, body: Body, type: MediaType): string {
  return type === 'xml'
    ? `<?xml version="1.0" encoding="UTF-8"?>${xmlOf(root, body)}`
    : JSON.stringify(jsonOf(body));
}

function xmlOf(name: string, body: Body): string {
  const { id, ...members } = body;
  const attribute = typeof id === 'string' ? ` id="${escapeXML(id)}"` : '';
  const inner = Object.entries(members).flatMap(([member, value]) => {
    if (value === undefined) return [];
    if (typeof value === 'object') return [value].flat().map((one) => xmlOf(member, one));
    return [`<${member}>${escapeXML(String(value))}</${member}>`];
  });
  return inner.length === 0 ? `<${name}${attribute}/>` : `<${name}${attribute}>${inner.join('')}</${name}>`;
}

/** Engines take and give booleans as strings. */
function jsonOf(body: Body): object {
  return Object.fromEntries(
    Object.entries(body)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => {
        if (typeof value !== 'object') return [name, String(value)];
        return [name, Array.isArray(value) ? value.map(jsonOf) : jsonOf(value)];
      }),
  );
}

/** No reference stands for a character that XML does not have; such characters are left out. */
function escapeXML(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;')
    .replaceAll('\n', '&#10;')
    .replaceAll('\t', '&#9;');
}
