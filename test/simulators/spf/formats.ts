import type { WireResponse } from '../common/http-server.ts';
import type { SpfError } from './errors.ts';
import { complexTypes, type EdmType, type EntityType, entityTypes, type Members } from './model.ts';

/** The forms that an answer can have: JSON with more or less metadata, the old JSON with its `d`, or Atom. */
export type Format = 'minimal' | 'full' | 'none' | 'verbose' | 'atom';

/** A page of a set. */
export interface Page {
  rows: readonly Members[];
  /** How many there are on all pages, where that was asked for. */
  count: number | undefined;
  nextLink: string | undefined;
}

const contentTypes: Readonly<Record<Format, string>> = {
  minimal: 'application/json;odata=minimalmetadata;streaming=true;charset=utf-8',
  full: 'application/json;odata=fullmetadata;streaming=true;charset=utf-8',
  none: 'application/json;odata=nometadata;streaming=true;charset=utf-8',
  verbose: 'application/json;odata=verbose;charset=utf-8',
  atom: 'application/atom+xml;type=entry;charset=utf-8',
};

const schemes = 'http://schemas.microsoft.com/ado/2007/08/dataservices';

/** The key URL of an entity, below the service root. */
export function keyUrl(type: EntityType, members: Members): string {
  return `${type.set}(ID=guid'${String(members.ID)}',StampId=guid'${String(members.StampId)}')`;
}

/** The answer with one entity. */
export function entityResponse(
  status: 200 | 201,
  format: Format,
  root: string,
  type: EntityType,
  members: Members,
): WireResponse {
  const headers: Record<string, string> = {
    'Content-Type': contentTypes[format],
    DataServiceVersion: '3.0;',
  };
  if (status === 201) headers.Location = `${root}${keyUrl(type, members)}`;
  if (format === 'atom')
    return { status, headers, body: `${xmlDeclaration}${atomEntry(root, type, members, true)}` };
  if (format === 'verbose') return { status, headers, body: { d: verboseEntity(root, type, members) } };
  const metadata = format === 'none' ? {} : { 'odata.metadata': `${root}$metadata#${type.set}/@Element` };
  return { status, headers, body: { ...metadata, ...lightEntity(format, root, type, members) } };
}

/** The answer with a page of a set. */
export function feedResponse(format: Format, root: string, type: EntityType, page: Page): WireResponse {
  const { rows, count, nextLink } = page;
  const headers = {
    'Content-Type': format === 'atom' ? 'application/atom+xml;type=feed;charset=utf-8' : contentTypes[format],
    DataServiceVersion: '3.0;',
  };
  if (format === 'atom') return { status: 200, headers, body: atomFeed(root, type, page) };
  if (format === 'verbose') {
    const results = rows.map((members) => verboseEntity(root, type, members));
    const d = {
      results,
      ...(count === undefined ? {} : { __count: String(count) }),
      ...(nextLink === undefined ? {} : { __next: nextLink }),
    };
    return { status: 200, headers, body: { d } };
  }
  const body = {
    ...(format === 'none' ? {} : { 'odata.metadata': `${root}$metadata#${type.set}` }),
    ...(count === undefined ? {} : { 'odata.count': String(count) }),
    value: rows.map((members) => lightEntity(format, root, type, members)),
    ...(nextLink === undefined ? {} : { 'odata.nextLink': nextLink }),
  };
  return { status: 200, headers, body };
}

/** The answer with an error: JSON where JSON was asked for, else XML; IIS and Azure Pack have forms of their own. */
export function errorResponse(error: SpfError, format: Format): WireResponse {
  const { status, code, message, options } = error;
  if (options.form === 'iis')
    return { status, headers: { ...options.headers, ...htmlType }, body: html(error) };
  if (options.form === 'wap') {
    const body =
      '<Error xmlns="http://schemas.microsoft.com/windowsazure" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">' +
      `<Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message><Severity>Error</Severity>` +
      '<State i:nil="true"/></Error>';
    return {
      status,
      headers: { ...options.headers, 'Content-Type': 'application/xml; charset=utf-8' },
      body,
    };
  }
  const headers = { ...options.headers, DataServiceVersion: '3.0;' };
  if (format === 'atom') {
    const body =
      `${xmlDeclaration}<m:error xmlns:m="${schemes}/metadata"><m:code>${escapeXml(code)}</m:code>` +
      `<m:message xml:lang="en-US">${escapeXml(message)}</m:message></m:error>`;
    return { status, headers: { ...headers, 'Content-Type': 'application/xml;charset=utf-8' }, body };
  }
  const body = { code, message: { lang: 'en-US', value: message } };
  return {
    status,
    headers: { ...headers, 'Content-Type': contentTypes[format] },
    body: format === 'verbose' ? { error: body } : { 'odata.error': body },
  };
}

/** `$metadata`: what is simulated, as EDMX. */
export function metadataResponse(): WireResponse {
  const complex = Object.entries(complexTypes).map(
    ([name, properties]) =>
      `<ComplexType Name="${name.slice(4)}">${propertyElements(properties, [])}</ComplexType>`,
  );
  const entities = Object.values(entityTypes).map(
    ({ name, properties }) =>
      `<EntityType Name="${name.slice(4)}"><Key><PropertyRef Name="ID"/><PropertyRef Name="StampId"/></Key>` +
      `${propertyElements(properties, ['ID', 'StampId'])}</EntityType>`,
  );
  const sets = Object.values(entityTypes).map(
    ({ set, name }) => `<EntitySet Name="${set}" EntityType="${name}"/>`,
  );
  const body =
    `${xmlDeclaration}<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx">` +
    `<edmx:DataServices m:DataServiceVersion="3.0" m:MaxDataServiceVersion="3.0" xmlns:m="${schemes}/metadata">` +
    `<Schema Namespace="VMM" xmlns="http://schemas.microsoft.com/ado/2009/11/edm">${entities.join('')}` +
    `${complex.join('')}<EntityContainer Name="vmmContainer" m:IsDefaultEntityContainer="true">${sets.join('')}` +
    '</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>';
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml;charset=utf-8', DataServiceVersion: '3.0;' },
    body,
  };
}

/** The service document, which names the sets. */
export function serviceDocument(format: Format, root: string): WireResponse {
  const sets = Object.keys(entityTypes);
  const headers = { 'Content-Type': contentTypes[format], DataServiceVersion: '3.0;' };
  if (format === 'verbose') return { status: 200, headers, body: { d: { EntitySets: sets } } };
  if (format === 'atom') {
    const collections = sets.map(
      (set) => `<collection href="${set}"><atom:title>${set}</atom:title></collection>`,
    );
    const body =
      `${xmlDeclaration}<service xml:base="${root}" xmlns="http://www.w3.org/2007/app" ` +
      `xmlns:atom="http://www.w3.org/2005/Atom"><workspace><atom:title>Default</atom:title>${collections.join('')}` +
      '</workspace></service>';
    return {
      status: 200,
      headers: { ...headers, 'Content-Type': 'application/atomsvc+xml;charset=utf-8' },
      body,
    };
  }
  const value = sets.map((name) => ({ name, url: name }));
  return { status: 200, headers, body: { 'odata.metadata': `${root}$metadata`, value } };
}

function lightEntity(format: Format, root: string, type: EntityType, members: Members): Members {
  const media =
    type.media === undefined
      ? {}
      : { [`${type.media.member}@odata.mediaContentType`]: type.media.contentType };
  if (format === 'none') return members;
  if (format === 'minimal') return { ...members, ...media };
  const types = Object.entries(type.properties)
    .filter(
      ([name, edm]) => members[name] !== null && !['Edm.String', 'Edm.Boolean', 'Edm.Int32'].includes(edm),
    )
    .map(([name, edm]) => [`${name}@odata.type`, edm]);
  const url = keyUrl(type, members);
  return {
    'odata.type': type.name,
    'odata.id': `${root}${url}`,
    'odata.editLink': url,
    ...Object.fromEntries(types),
    ...members,
    ...media,
  };
}

function verboseEntity(root: string, type: EntityType, members: Members): Members {
  const uri = `${root}${keyUrl(type, members)}`;
  const values = Object.entries(members).map(([name, value]) => [
    name,
    verboseValue(type.properties[name], value),
  ]);
  return { __metadata: { id: uri, uri, type: type.name }, ...Object.fromEntries(values) };
}

function verboseValue(edm: EdmType | undefined, value: unknown): unknown {
  if (edm === undefined || value === null || !edm.includes('VMM.')) return value;
  if (Array.isArray(value)) return { __metadata: { type: edm }, results: value };
  return { __metadata: { type: edm }, ...(value as object) };
}

const xmlDeclaration = '<?xml version="1.0" encoding="utf-8"?>';

function atomFeed(root: string, type: EntityType, { rows, count, nextLink }: Page): string {
  const entries = rows.map((members) => atomEntry(root, type, members, false)).join('');
  const counted = count === undefined ? '' : `<m:count>${count}</m:count>`;
  const next = nextLink === undefined ? '' : `<link rel="next" href="${escapeXml(nextLink)}" />`;
  return (
    `${xmlDeclaration}<feed xml:base="${root}"${atomNamespaces}>${counted}<id>${root}${type.set}</id>` +
    `<title type="text">${type.set}</title><updated>${atomTime()}</updated><link rel="self" title="${type.set}" ` +
    `href="${type.set}" />${entries}${next}</feed>`
  );
}

const atomNamespaces = ` xmlns="http://www.w3.org/2005/Atom" xmlns:d="${schemes}" xmlns:m="${schemes}/metadata"`;

function atomEntry(root: string, type: EntityType, members: Members, isRoot: boolean): string {
  const url = escapeXml(keyUrl(type, members));
  const title = type.name.slice(4);
  const properties = Object.entries(members)
    .map(([name, value]) => atomProperty(name, type.properties[name] ?? 'Edm.String', value))
    .join('');
  return (
    `<entry${isRoot ? ` xml:base="${root}"${atomNamespaces}` : ''}><id>${root}${url}</id>` +
    `<category term="${type.name}" scheme="${schemes}/scheme" />` +
    `<link rel="edit" title="${title}" href="${url}" /><title /><updated>${atomTime()}</updated>` +
    `<author><name /></author><content type="application/xml"><m:properties>${properties}</m:properties></content>` +
    '</entry>'
  );
}

function atomProperty(name: string, edm: EdmType, value: unknown): string {
  const type = edm === 'Edm.String' ? '' : ` m:type="${edm}"`;
  if (value === null) return `<d:${name}${type} m:null="true" />`;
  if (Array.isArray(value)) {
    const elementType = edm.slice('Collection('.length, -1);
    const elements = value.map(
      (item) => `<d:element>${atomMembers(elementType, item as Members)}</d:element>`,
    );
    return `<d:${name}${type}>${elements.join('')}</d:${name}>`;
  }
  const content = typeof value === 'object' ? atomMembers(edm, value as Members) : escapeXml(String(value));
  return `<d:${name}${type}>${content}</d:${name}>`;
}

function atomMembers(complexType: string, members: Members): string {
  const types = complexTypes[complexType] ?? {};
  return Object.entries(members)
    .map(([name, value]) => atomProperty(name, types[name] ?? 'Edm.String', value))
    .join('');
}

function atomTime(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}

function propertyElements(
  properties: Readonly<Record<string, EdmType>>,
  required: readonly string[],
): string {
  return Object.entries(properties)
    .map(([name, edm]) => {
      const nullable = required.includes(name) ? ' Nullable="false"' : '';
      return `<Property Name="${name}" Type="${edm}"${nullable}/>`;
    })
    .join('');
}

const htmlType = { 'Content-Type': 'text/html; charset=us-ascii' } as const;

function html({ status, message }: SpfError): string {
  const text = escapeXml(message);
  return (
    '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN""http://www.w3.org/TR/html4/strict.dtd">\r\n' +
    `<HTML><HEAD><TITLE>${text}</TITLE></HEAD>\r\n<BODY><h2>${text}</h2>\r\n<hr><p>HTTP Error ${status}. ${text}</p>\r\n` +
    '</BODY></HTML>\r\n'
  );
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
