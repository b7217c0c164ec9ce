import { parseJSON, vendorText } from '../http.ts';
import { MalformedAnswer } from '../json.ts';
import { parseXML, type XMLElement } from '../xml.ts';

/** Deeper than any answer of an engine, and far from what would exhaust the stack. */
const maxDepth = 64;
/** As for XML: what has more parts than this is not read. */
const maxParts = 400_000;

/**
 * A part of an answer, alike whether it came as XML or as JSON: attributes and elements of the one, and members of
 * the other, are members here; what is repeated there or a list here is several of one name (oVirt sheet, section 2).
 * Every reader throws a MalformedAnswer rather than make something of what it does not understand.
 */
export class Part {
  readonly #text: string;
  readonly #members: ReadonlyMap<string, readonly Part[]>;

  constructor(text: string, members: ReadonlyMap<string, readonly Part[]>) {
    this.#text = text;
    this.#members = members;
  }

  /** The names of its members. */
  get names(): string[] {
    return [...this.#members.keys()];
  }

  /** Its own text, white space around it and all. */
  get content(): string {
    return this.#text;
  }

  /** All members of a name. */
  all(name: string): readonly Part[] {
    return this.#members.get(name) ?? [];
  }

  /** The one member of a name; undefined when there is none. Two would contradict each other. */
  one(name: string): Part | undefined {
    const found = this.all(name);
    if (found.length > 1) throw new MalformedAnswer(`the answer has ${found.length} values for ${name}`);
    return found[0];
  }

  /** The text of a member without white space around it; undefined when it is absent or empty. */
  text(name: string): string | undefined {
    const text = this.one(name)?.content.trim();
    return text === '' ? undefined : text;
  }

  /** A boolean member, however it is written. */
  flag(name: string): boolean | undefined {
    const text = this.text(name)?.toLowerCase();
    if (text === undefined) return undefined;
    if (text === 'true' || text === '1') return true;
    if (text === 'false' || text === '0') return false;
    throw notUnderstood(name, text, 'true or false');
  }

  /** A whole number that is not negative. */
  amount(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const amount = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(amount)) throw notUnderstood(name, text, 'a whole number');
    return amount;
  }

  /** A point in time, as milliseconds since the epoch or as ISO 8601 with an offset; given as ISO 8601 in UTC. */
  instant(name: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const date = /^\d{1,16}$/.test(text)
      ? new Date(Number(text))
      : isoForm.test(text)
        ? new Date(text)
        : undefined;
    if (date === undefined || Number.isNaN(date.getTime()))
      throw notUnderstood(name, text, 'a point in time');
    return date.toISOString();
  }

  /** The items of a wrapped list (`disk_attachments/disk_attachment`); none when the wrapper is absent or empty. */
  items(wrapper: string, item: string): readonly Part[] {
    return this.all(wrapper).flatMap((part) => part.all(item));
  }
}

const isoForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})$/;

function notUnderstood(name: string, text: string, form: string): MalformedAnswer {
  return new MalformedAnswer(`${name} should be ${form}, and is '${vendorText(text, 64)}'`);
}

/** A whole answer. JSON has no name around it. */
export interface Document {
  root?: string;
  part: Part;
}

/**
 * Reads the body of an answer in XML or JSON, whatever its content type says. Undefined when it is neither (HTML
 * with a document type, an empty body, a text that broke off).
 */
export function readDocument(body: string): Document | undefined {
  if (/^[\s\ufeff]*</.test(body)) {
    const element = parseXML(body);
    return element === undefined ? undefined : { root: element.name, part: partOfXML(element) };
  }
  const json = parseJSON(body.replace(/^\ufeff/, ''));
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined;
  const part = partOfJSON(json, 0, { left: maxParts });
  return part === undefined ? undefined : { part };
}

/**
 * The items of a collection. In JSON an empty one is an object without the items' key (oVirt sheet, section 2), so
 * that any other key shows that this is something else. Throws a MalformedAnswer when it is no such collection.
 */
export function collectionIn(body: string, plural: string, singular: string): readonly Part[] {
  const { root, part } = documentIn(body);
  const strangers = part.names.filter((name) => name !== singular && !bookkeeping.has(name));
  if ((root !== undefined && root !== plural) || strangers.length > 0 || part.content.trim() !== '') {
    const found = vendorText(root !== undefined && root !== plural ? root : strangers.join(', '), 128);
    throw new MalformedAnswer(
      `the answer should be a list of ${singular}, and is about ${found || 'nothing'}`,
    );
  }
  return part.all(singular);
}

/** One object of an answer. Throws a MalformedAnswer when it is another one, or none. */
export function objectIn(body: string, name: string): Part {
  const { root, part } = documentIn(body);
  if (root !== undefined && root !== name) {
    throw new MalformedAnswer(`the answer should be a ${name}, and is a ${vendorText(root, 64)}`);
  }
  return part;
}

/** What collections bear beside their items. */
const bookkeeping = new Set([
  'actions',
  'link',
  'href',
  'rel',
  'id',
  'size',
  'total',
  'active',
  'schemaLocation',
  'noNamespaceSchemaLocation',
]);

function documentIn(body: string): Document {
  const document = readDocument(body);
  if (document === undefined) {
    const start = vendorText(body, 64);
    throw new MalformedAnswer(
      start === ''
        ? 'the answer is empty'
        : `the answer is neither XML nor JSON, or is not complete; it begins: ${start}`,
    );
  }
  return document;
}

function partOfXML(element: XMLElement): Part {
  const members = new Map<string, Part[]>();
  for (const [name, value] of element.attributes) add(members, name, new Part(value, new Map()));
  for (const child of element.children) add(members, child.name, partOfXML(child));
  return new Part(element.text, members);
}

/** Undefined when it is deeper or larger than any answer, or has lists in lists. */
function partOfJSON(value: object, depth: number, budget: { left: number }): Part | undefined {
  const members = new Map<string, Part[]>();
  if (depth >= maxDepth) return undefined;
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    for (const item of Array.isArray(member) ? (member as unknown[]) : [member]) {
      budget.left -= 1;
      if (budget.left < 0 || Array.isArray(item)) return undefined;
      // A member that is null is absent; an item that is null is there, and says nothing of itself.
      if (item === null && !Array.isArray(member)) continue;
      const part =
        item === null
          ? new Part('', new Map())
          : typeof item === 'object'
            ? partOfJSON(item, depth + 1, budget)
            : new Part(typeof item === 'string' ? item : String(item), new Map());
      if (part === undefined) return undefined;
      add(members, name, part);
    }
  }
  return new Part('', members);
}

function add(members: Map<string, Part[]>, name: string, part: Part): void {
  const before = members.get(name);
  if (before === undefined) members.set(name, [part]);
  else before.push(part);
}
