/**
 * Answers as trees that can be written as XML and as JSON (oVirt sheet, section 2). Names and nesting are those of
 * the XML; the JSON of engines follows from them.
 */
export type Value = string | number | boolean | Date;

export type Element =
  /** `<name>value</name>` */
  | { kind: 'leaf'; name: string; value: Value }
  /** `<name attribute="..">children</name>`; `repeated`: JSON has a list under the name. */
  | {
      kind: 'object';
      name: string;
      attributes: Record<string, string>;
      children: Element[];
      repeated: boolean;
    }
  /** `<name><item/><item/></name>`; JSON: `"name": {"item": [..]}`, and no key at all when it is empty. */
  | { kind: 'list'; name: string; items: ObjectElement[] };

export type ObjectElement = Extract<Element, { kind: 'object' }>;

/** Children as they are given: what is undefined is left out. */
export type Children = readonly (Element | undefined)[];

/** An element that holds a value; undefined values give undefined. */
export function leaf(name: string, value: Value): Element;
export function leaf(name: string, value: Value | undefined): Element | undefined;
export function leaf(name: string, value: Value | undefined): Element | undefined {
  return value === undefined ? undefined : { kind: 'leaf', name, value };
}

/** An element with attributes and children; attributes that are undefined are left out. */
export function object(
  name: string,
  attributes: Record<string, string | undefined> = {},
  children: Children = [],
): ObjectElement {
  return {
    kind: 'object',
    name,
    attributes: Object.fromEntries(
      Object.entries(attributes).filter((entry): entry is [string, string] => entry[1] !== undefined),
    ),
    children: children.filter((child) => child !== undefined),
    repeated: false,
  };
}

/** An element that may stand several times beside itself, such as `link`. */
export function repeated(
  name: string,
  attributes: Record<string, string | undefined>,
  children: Children = [],
): ObjectElement {
  return { ...object(name, attributes, children), repeated: true };
}

/** A collection. */
export function list(name: string, items: readonly ObjectElement[]): Element {
  return { kind: 'list', name, items: [...items] };
}

/** `<link href=".." rel=".."/>` */
export function link(rel: string, href: string): ObjectElement {
  return repeated('link', { href, rel });
}

/** `<actions><link ../></actions>` with a link below `href` for each action. */
export function actions(href: string, names: readonly string[]): ObjectElement {
  return object(
    'actions',
    {},
    names.map((name) => link(name, `${href}/${name}`)),
  );
}

/** What writing depends on beside the tree. */
export interface Rendering {
  utcOffsetMinutes: number;
  /** Numbers and booleans as such, in place of strings. */
  nativeJson: boolean;
}

/** Writes the tree as an XML document, indented as engines do. */
export function toXml(root: Element, rendering: Rendering): string {
  return `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n${xmlElement(root, rendering, '')}`;
}

function xmlElement(element: Element, rendering: Rendering, indent: string): string {
  const { name } = element;
  if (element.kind === 'leaf') {
    const text = element.value instanceof Date ? xmlDate(element.value, rendering) : String(element.value);
    return `${indent}<${name}>${escapeXml(text)}</${name}>\n`;
  }
  const attributes = element.kind === 'object' ? element.attributes : {};
  const start = `${indent}<${name}${Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escapeXml(value)}"`)
    .join('')}`;
  const children = element.kind === 'object' ? element.children : element.items;
  if (children.length === 0) return `${start}/>\n`;
  const inner = children.map((child) => xmlElement(child, rendering, `${indent}    `)).join('');
  return `${start}>\n${inner}${indent}</${name}>\n`;
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** ISO 8601 with milliseconds and the server's own distance from UTC. */
function xmlDate(date: Date, { utcOffsetMinutes }: Rendering): string {
  const local = new Date(date.getTime() + utcOffsetMinutes * 60_000).toISOString().slice(0, -1);
  const sign = utcOffsetMinutes < 0 ? '-' : '+';
  const minutes = Math.abs(utcOffsetMinutes);
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${local}${sign}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Gives the tree as the value that an engine would write as JSON: nothing around the root. */
export function toJson(root: Element, rendering: Rendering): unknown {
  if (root.kind === 'leaf') return jsonValue(root.value, rendering);
  if (root.kind === 'list') return jsonList(root.items, rendering);
  const result: Record<string, unknown> = { ...root.attributes };
  for (const child of root.children) {
    if (child.kind === 'list' && child.items.length === 0) continue;
    const value = toJson(child, rendering);
    if (child.kind === 'object' && child.repeated) {
      const before = result[child.name];
      result[child.name] = Array.isArray(before) ? [...before, value] : [value];
    } else if (child.kind === 'leaf' && Object.hasOwn(result, child.name)) {
      result[child.name] = [result[child.name], value].flat();
    } else {
      result[child.name] = value;
    }
  }
  return result;
}

function jsonList(items: readonly ObjectElement[], rendering: Rendering): Record<string, unknown[]> {
  const result: Record<string, unknown[]> = {};
  for (const item of items) {
    const before = result[item.name];
    const value = toJson(item, rendering);
    if (before === undefined) result[item.name] = [value];
    else before.push(value);
  }
  return result;
}

function jsonValue(value: Value, { nativeJson }: Rendering): unknown {
  if (value instanceof Date) return value.getTime();
  return nativeJson ? value : String(value);
}
