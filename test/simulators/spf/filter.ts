import { contractError } from './errors.ts';
import type { EntityType, Members } from './model.ts';

type Predicate = (members: Members) => boolean;

const tokenForm =
  /\s*(?:(guid'[0-9a-fA-F-]{36}')|('(?:[^']|'')*')|(-?\d+)|([A-Za-z_][A-Za-z0-9_]*)|([()]))/iy;

/**
 * Reads a `$filter` made of comparisons with `eq` and `ne`, `and`, `or`, and parentheses.
 *
 * @throws SpfError 400 for anything else, for a property that there is not, and for a literal of another type
 */
export function parseFilter(type: EntityType, text: string): Predicate {
  const tokens = tokenize(text);
  let position = 0;

  function any(): Predicate {
    let left = all();
    while (take('or')) {
      const [one, other] = [left, all()];
      left = (members) => one(members) || other(members);
    }
    return left;
  }

  function all(): Predicate {
    let left = comparison();
    while (take('and')) {
      const [one, other] = [left, comparison()];
      left = (members) => one(members) && other(members);
    }
    return left;
  }

  function comparison(): Predicate {
    if (take('(')) {
      const inner = any();
      if (!take(')')) throw syntaxError(text);
      return inner;
    }
    const property = next();
    const edm = type.properties[property];
    if (edm === undefined) {
      throw contractError(400, '', `No property '${property}' exists in type '${type.name}'.`);
    }
    const operator = next();
    if (operator !== 'eq' && operator !== 'ne') throw syntaxError(text);
    const wanted = literal(next(), edm, property);
    const equal: Predicate = (members) => comparable(members[property]) === comparable(wanted);
    return operator === 'eq' ? equal : (members) => !equal(members);
  }

  function literal(token: string, edm: string, property: string): unknown {
    if (token === 'null') return null;
    if (edm === 'Edm.Guid' && /^guid'/i.test(token)) return token.slice(5, -1).toLowerCase();
    if (edm === 'Edm.String' && token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'");
    if (edm === 'Edm.Boolean' && (token === 'true' || token === 'false')) return token === 'true';
    if (edm === 'Edm.Int32' && /^-?\d+$/.test(token)) return Number(token);
    throw contractError(
      400,
      '',
      `A binary operator with incompatible types was detected: '${property}' is ${edm}, the literal is ${token}.`,
    );
  }

  function next(): string {
    const token = tokens[position];
    if (token === undefined) throw syntaxError(text);
    position += 1;
    return token;
  }

  function take(token: string): boolean {
    if (tokens[position] !== token) return false;
    position += 1;
    return true;
  }

  const predicate = any();
  if (position < tokens.length) throw syntaxError(text);
  return predicate;
}

/** Whether a filter names a property at all; for filters whose reading matters to nobody. */
export function namesProperty(text: string, property: string): boolean {
  return tokenize(text).includes(property);
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  const trimmed = text.trimEnd();
  tokenForm.lastIndex = 0;
  while (tokenForm.lastIndex < trimmed.length) {
    const token = tokenForm.exec(trimmed)?.[0].trim();
    if (token === undefined) throw syntaxError(text);
    tokens.push(token);
  }
  return tokens;
}

/** SQL Server, which VMM keeps its objects in, compares text without regard to case. */
function comparable(value: unknown): unknown {
  return typeof value === 'string' ? value.toLowerCase() : value;
}

function syntaxError(text: string) {
  return contractError(400, '', `Syntax error in '${text}', or what it says is not simulated.`);
}
