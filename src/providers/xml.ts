import { XMLParser, XMLValidator } from 'fast-xml-parser';

/** An element of a document. Names are local ones: prefixes, which senders choose freely, are taken away. */
export interface XMLElement {
  name: string;
  attributes: ReadonlyMap<string, string>;
  /** In the order of the document. */
  children: readonly XMLElement[];
  /** All text directly in it, in one piece. */
  text: string;
}

/** Elements take time, and many times their own length of memory: what has more of them than this is not read. */
const maxElements = 200_000;
const maxAttributes = 200_000;
const maxDepth = 64;
/** A reference to what is neither one of XML's own five entities nor a character. */
const foreignEntity = /&(?!(?:lt|gt|amp|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});)/i;
/** In these an ampersand is but a character. */
const literals = /<!\[CDATA\[[\s\S]*?\]\]>|<!--[\s\S]*?-->|<\?[\s\S]*?\?>/g;
const textName = '#text';
const attributesName = ':@';

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  textNodeName: textName,
  // Character references come with these only; other entities are refused before.
  htmlEntities: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  maxNestedTags: maxDepth,
});

/**
 * The root of an XML document from a vendor, whom nobody need trust: undefined when it is not well-formed, has a
 * DTD or entities beyond XML's own five, or is deeper or larger than anything a vendor sends. Never throws.
 */
export function parseXML(document: string): XMLElement | undefined {
  const text = document.replace(/^\ufeff/, '').trim();
  if (!text.startsWith('<') || text.includes('<!DOCTYPE') || text.includes('<!ENTITY')) return undefined;
  if (countOf(text, '<') - countOf(text, '</') > maxElements) return undefined;
  if (countOf(text, '="') + countOf(text, "='") > maxAttributes) return undefined;
  try {
    // The parser makes something of anything; what is cut off must not pass for all there is.
    if (XMLValidator.validate(text) !== true) return undefined;
    // Only now, when all that is begun is known to end, is this search a quick one.
    if (foreignEntity.test(text.replace(literals, ''))) return undefined;
    const roots = elementsOf(parser.parse(text) as unknown[]);
    return roots.length === 1 ? roots[0] : undefined;
  } catch {
    return undefined;
  }
}

/** The first child of a name. */
export function childOf(element: XMLElement | undefined, name: string): XMLElement | undefined {
  return element?.children.find((child) => child.name === name);
}

/** The children of a name. */
export function childrenOf(element: XMLElement | undefined, name: string): XMLElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

/** What the parser makes of an element: its name with what is in it, and its attributes. */
type ParsedNode = Record<string, unknown>;

function elementsOf(nodes: unknown[]): XMLElement[] {
  return nodes.flatMap((node) => {
    const { [attributesName]: attributes = {}, ...named } = node as ParsedNode;
    const [name] = Object.keys(named);
    if (name === undefined || name === textName) return [];
    const content = named[name] as ParsedNode[];
    return {
      name,
      attributes: new Map(Object.entries(attributes as Record<string, string>)),
      children: elementsOf(content),
      text: content.map((part) => (textName in part ? String(part[textName]) : '')).join(''),
    };
  });
}

function countOf(text: string, part: string): number {
  let count = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count += 1;
  return count;
}
