import type { HttpResponse } from '../../http.ts';
import { parseJSON, vendorText } from '../../http.ts';
import { isRecord, type JSONRecord, listOf, MalformedAnswer, textOf } from '../../json.ts';
import { childOf, childrenOf, parseXML, type XMLElement } from '../../xml.ts';

/**
 * An entity in one form, whatever it came in: its properties by their names, without annotations. Int64 is a text
 * and GUIDs and times are texts, as JSON has them; complex values are records, collections are lists.
 */
export type Entity = Readonly<Record<string, unknown>>;

/** A page of a set. */
export interface Page {
  entities: Entity[];
  /** Where the next page is; the list is complete only without one. */
  nextLink?: string;
}

/**
 * The entity of an answer in JSON (minimal, full or no metadata, or verbose) or Atom. Throws a MalformedAnswer
 * when it is none of these, or a page.
 */
export function entityOf(response: HttpResponse): Entity {
  const root = rootOf(response);
  if ('xml' in root) {
    if (root.xml.name !== 'entry') throw malformed(response, 'an entity', `a ${root.xml.name} element`);
    return atomEntity(root.xml);
  }
  const { json, isVerbose } = root;
  if (!isRecord(json) || Array.isArray(isVerbose ? json.results : json.value)) {
    throw malformed(response, 'an entity', 'a list');
  }
  return isVerbose ? verboseEntity(json) : lightEntity(json);
}

/** The page of an answer in any of the forms. Throws a MalformedAnswer when it is none. */
export function pageOf(response: HttpResponse): Page {
  const root = rootOf(response);
  if ('xml' in root) return atomPage(root.xml, response);
  const { json, isVerbose } = root;
  // The first version of verbose JSON has the list without anything around it.
  const items = listOf(json) ?? (isRecord(json) ? listOf(isVerbose ? json.results : json.value) : undefined);
  if (items === undefined) throw malformed(response, 'a list', 'an entity');
  const link = isRecord(json) ? json[isVerbose ? '__next' : 'odata.nextLink'] : undefined;
  return {
    entities: items.map((item) => {
      if (!isRecord(item)) throw malformed(response, 'a list of entities', 'a list of other things');
      refuseError(item, response);
      return isVerbose ? verboseEntity(item) : lightEntity(item);
    }),
    ...linkOf(link, response),
  };
}

type Root = { json: unknown; isVerbose: boolean } | { xml: XMLElement };

function rootOf(response: HttpResponse): Root {
  const text = response.body.trimStart();
  if (text.startsWith('<')) {
    const xml = parseXML(text);
    if (xml === undefined || xml.name === 'html') throw malformed(response, 'JSON or Atom', 'neither');
    if (xml.name === 'error' || xml.name === 'Error') throw malformed(response, 'data', 'an error');
    return { xml };
  }
  const json = parseJSON(text);
  if (typeof json !== 'object' || json === null) throw malformed(response, 'JSON or Atom', 'neither');
  refuseError(json, response);
  return 'd' in json && typeof json.d === 'object' && json.d !== null
    ? { json: json.d, isVerbose: true }
    : { json, isVerbose: false };
}

/** A server that fails in the middle of an answer can only say so within it, after its 200. No property is so called. */
function refuseError(json: object, response: HttpResponse): void {
  if ('odata.error' in json || 'error' in json)
    throw malformed(response, 'data', 'an error in the middle of them');
}

function linkOf(link: unknown, response: HttpResponse): { nextLink?: string } {
  if (link === undefined || link === null || link === '') return {};
  const nextLink = textOf(link);
  if (nextLink === undefined)
    throw malformed(response, 'a list', 'one whose link to the next page is no text');
  return { nextLink };
}

function malformed(response: HttpResponse, expected: string, found: string): MalformedAnswer {
  const start = vendorText(response.body.slice(0, 512), 120);
  return new MalformedAnswer(
    `the answer should be ${expected} and is ${found}; it begins: ${start === '' ? '(nothing)' : start}`,
  );
}

/** Annotations have a dot or an at sign in their names, which no property has. */
function lightEntity(json: JSONRecord): Entity {
  return Object.fromEntries(Object.entries(json).filter(([name]) => !/[@.]/.test(name)));
}

function verboseEntity(json: JSONRecord): Entity {
  const members = Object.entries(json).filter(([name]) => name !== '__metadata');
  return Object.fromEntries(
    members.flatMap(([name, value]) => {
      // What was not asked to be expanded is a link.
      if (isRecord(value) && '__deferred' in value) return [];
      return [[name, verboseValue(value)]];
    }),
  );
}

function verboseValue(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const results = listOf(value.results);
  if (results !== undefined) return results.map(verboseValue);
  return verboseEntity(value);
}

function atomPage(feed: XMLElement, response: HttpResponse): Page {
  if (feed.name !== 'feed') throw malformed(response, 'a list', `a ${feed.name} element`);
  if (childOf(feed, 'error') !== undefined) {
    throw malformed(response, 'data', 'an error in the middle of them');
  }
  const next = childrenOf(feed, 'link').find((link) => link.attributes.get('rel') === 'next');
  return {
    entities: childrenOf(feed, 'entry').map(atomEntity),
    ...(next === undefined ? {} : linkOf(next.attributes.get('href') ?? {}, response)),
  };
}

/** Of a media entry, which a VM is, the properties are beside the content and not in it. */
function atomEntity(entry: XMLElement): Entity {
  const properties = childOf(childOf(entry, 'content'), 'properties') ?? childOf(entry, 'properties');
  if (properties === undefined) throw new MalformedAnswer('the Atom entry of the answer has no properties');
  return atomMembers(properties);
}

function atomMembers(element: XMLElement): Entity {
  return Object.fromEntries(element.children.map((child) => [child.name, atomValue(child)]));
}

/** A property is a text unless its type says otherwise. */
function atomValue(element: XMLElement): unknown {
  if (element.attributes.get('null') === 'true') return null;
  const type = element.attributes.get('type') ?? 'Edm.String';
  if (type.startsWith('Collection(') || type.startsWith('Bag(')) {
    return element.children.map((child) => (child.children.length > 0 ? atomMembers(child) : child.text));
  }
  if (element.children.length > 0 || !type.startsWith('Edm.')) return atomMembers(element);
  const { text } = element;
  if (type === 'Edm.Boolean') return text === 'true' || text === '1';
  if (numbers.has(type)) {
    const number = Number(text);
    if (text.trim() === '' || Number.isNaN(number)) {
      throw new MalformedAnswer(`the value of ${element.name} in the Atom entry of the answer is no number`);
    }
    return number;
  }
  return text;
}

/** Edm.Int64 and Edm.Decimal are texts, as in JSON: they are larger than numbers can tell. */
const numbers = new Set(['Edm.Byte', 'Edm.SByte', 'Edm.Int16', 'Edm.Int32', 'Edm.Single', 'Edm.Double']);
