import { badRequest } from './errors.ts';
import { type EngineRequest, flag, numberOption } from './requests.ts';

/** The fields that a collection can be searched by; values are compared as text. */
export type Searchable<Item> = Readonly<Record<string, (item: Item) => string>>;

interface Condition {
  field: string;
  operator: '=' | '!=' | '<' | '>';
  value: string;
}

interface Query {
  /** Groups of which one must hold; within a group all. */
  alternatives: Condition[][];
  sort: { field: string; descending: boolean } | undefined;
  page: number | undefined;
}

/** How many items a page holds once a page is asked for. */
const pageSize = 100;

/**
 * Applies `search` and `max` to a collection, as `search=name="web" and cluster=a sortby name asc page 2&max=5` would.
 *
 * @throws EngineError 400 when the text cannot be read or names a field that cannot be searched by
 */
export function searched<Item>(
  request: EngineRequest,
  items: readonly Item[],
  fields: Searchable<Item>,
): Item[] {
  const text = request.options.get('search');
  const query = parse(text ?? '');
  const sensitive = flag(request, 'case_sensitive') ?? true;
  const get = (field: string): ((item: Item) => string) => {
    const accessor = fields[field];
    if (accessor === undefined) throw badRequest('Operation Failed', `[Cannot search by '${field}'.]`);
    return accessor;
  };
  for (const { field } of query.alternatives.flat()) get(field);
  let found = items.filter(
    (item) =>
      query.alternatives.length === 0 ||
      query.alternatives.some((group) =>
        group.every((condition) => holds(condition, get(condition.field)(item), sensitive)),
      ),
  );
  if (query.sort !== undefined) {
    const accessor = get(query.sort.field);
    const direction = query.sort.descending ? -1 : 1;
    found = found.toSorted((one, other) => direction * compare(accessor(one), accessor(other)));
  }
  if (query.page !== undefined) found = found.slice((query.page - 1) * pageSize, query.page * pageSize);
  const max = numberOption(request, 'max');
  return max === undefined ? found : found.slice(0, max);
}

function holds({ operator, value }: Condition, actual: string, sensitive: boolean): boolean {
  if (operator === '<') return compare(actual, value) < 0;
  if (operator === '>') return compare(actual, value) > 0;
  const pattern = value
    .split('*')
    .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`, sensitive ? 's' : 'is').test(actual) === (operator === '=');
}

function compare(one: string, other: string): number {
  const [first, second] = [Number(one), Number(other)];
  if (Number.isFinite(first) && Number.isFinite(second)) return first - second;
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Reads `field = value [and|or ..] [sortby field [asc|desc]] [page n]`. */
function parse(text: string): Query {
  const words = tokens(text);
  const query: Query = { alternatives: [], sort: undefined, page: undefined };
  let group: Condition[] = [];
  let position = 0;
  const next = (): Token => {
    const token = words[position];
    if (token === undefined) throw badRequest('Operation Failed', `[The search '${text}' ends too early.]`);
    position += 1;
    return token;
  };
  const upcoming = (): string | undefined => {
    const token = words[position];
    return token?.quoted ? undefined : token?.text.toLowerCase();
  };
  while (position < words.length) {
    const keyword = upcoming();
    if (keyword === 'sortby') {
      next();
      const field = next().text.toLowerCase();
      const direction = upcoming();
      if (direction === 'asc' || direction === 'desc') next();
      query.sort = { field, descending: direction === 'desc' };
    } else if (keyword === 'page') {
      next();
      query.page = Number(next().text);
      if (!(query.page >= 1)) throw badRequest('Operation Failed', '[A page is a number from 1 on.]');
    } else if (keyword === 'or') {
      next();
      group = [];
    } else if (keyword === 'and') {
      next();
    } else {
      const field = next().text.toLowerCase();
      const operator = next().text;
      if (operator !== '=' && operator !== '!=' && operator !== '<' && operator !== '>') {
        throw badRequest('Operation Failed', `[The search '${text}' cannot be read at '${operator}'.]`);
      }
      if (group.length === 0) query.alternatives.push(group);
      group.push({ field, operator, value: next().text });
    }
  }
  return query;
}

interface Token {
  text: string;
  quoted: boolean;
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  const pattern = /\s*(?:"([^"]*)"|(!=|[=<>])|([^\s"=<>!]+))/gy;
  let end = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, quoted, operator, bare] = match;
    found.push({ text: quoted ?? operator ?? bare ?? '', quoted: quoted !== undefined });
    end = pattern.lastIndex;
  }
  if (text.slice(end).trim() !== '') {
    throw badRequest('Operation Failed', `[The search '${text}' cannot be read at '${text.slice(end)}'.]`);
  }
  return found;
}
