/** The sets of VMM's that Keyframe reads. */
export type SetName = 'VirtualMachines' | 'VMCheckPoints' | 'Jobs';

/** The key of every entity: its own id, and that of the VMM server it lives on. */
export interface Key {
  id: string;
  stampID: string;
}

/** A value that a property is to equal. */
export type Literal = { guid: string } | { text: string } | { boolean: boolean };

const guidForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** IIS takes a query of 2,048 characters unless told otherwise. */
const longestText = 256;
const longestLink = 4_096;

/** Whether a text is a GUID. */
export function isGUID(text: string): boolean {
  return guidForm.test(text);
}

/** Whether two GUIDs are the same one; SPF writes them in both cases (SPF sheet, section 9). */
export function sameGUID(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one.toLowerCase() === other.toLowerCase();
}

/** A GUID as OData 3 has it, prefixed and quoted. Throws a TypeError when it is none. */
export function guidLiteral(guid: string): string {
  if (!isGUID(guid)) throw new TypeError(`not a GUID: ${JSON.stringify(guid)}`);
  return `guid'${guid.toLowerCase()}'`;
}

/** Whether a text can stand in a filter: none of the names of VMM's has control characters, or is this long. */
export function isFilterable(text: string): boolean {
  return text !== '' && text.length <= longestText && text.isWellFormed() && !/\p{Cc}/u.test(text);
}

/** A text as OData 3 has it: quoted, its quotes doubled. Throws a TypeError when it is not filterable. */
export function textLiteral(text: string): string {
  if (!isFilterable(text))
    throw new TypeError(`not a text for a filter: ${JSON.stringify(text.slice(0, 300))}`);
  return `'${text.replaceAll("'", "''")}'`;
}

/** One entity, below the service root. Throws a TypeError when a part of the key is no GUID. */
export function entityPath(set: SetName, key: Key): string {
  return `${set}(ID=${guidLiteral(key.id)},StampId=${guidLiteral(key.stampID)})`;
}

/**
 * The entities of a set whose properties equal what is given, below the service root. A server may ignore the
 * filter, so that the caller compares again. Throws a TypeError for what no filter can hold.
 */
export function filterPath(set: SetName, wanted: Record<string, Literal>): string {
  const terms = Object.entries(wanted).map(([property, value]) => `${property} eq ${written(value)}`);
  if (terms.length === 0) return set;
  // By hand, so that `$` stays plain and a space is no `+` (SPF sheet, section 9).
  return `${set}?$filter=${encodeURIComponent(terms.join(' and '))}`;
}

function written(value: Literal): string {
  if ('guid' in value) return guidLiteral(value.guid);
  return 'text' in value ? textLiteral(value.text) : String(value.boolean);
}

/**
 * The page that a next link leads to, below the service root: its last segment, which must be the same set, and
 * its query. Whatever else the link says, the next request goes to the service root: some doors leave SPF's own
 * host name in it, and no other host may be sent the credentials. Undefined when it is none.
 */
export function nextPath(set: SetName, link: string): string | undefined {
  if (link.length > longestLink) return undefined;
  const [, segment, query] = /^(?:[^?#]*\/)?([^/?#]+)\?([\x21\x22\x24-\x7e]+)$/.exec(link) ?? [];
  return segment === set || segment === `${set}()` ? `${set}?${query}` : undefined;
}
