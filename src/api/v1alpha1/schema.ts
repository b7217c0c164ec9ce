/**
 * Building blocks of the kinds' schemas. They stay inside what a structural schema of a CRD may hold (no
 * `anyOf`, no `const`, no `$ref`), and give each string and list the bound that the API server's cost
 * estimate of CEL rules needs.
 *
 * Only types are imported from these files by the running operator; the schemas themselves are read by
 * `npm run generate`, which writes `crds/` and `docs/reference/`.
 */
import { type Static, type TSchema, Type } from 'typebox';

export interface Rule {
  rule: string;
  message: string;
  /** Points the message at a field below the one that bears the rule. */
  fieldPath?: string;
}

export interface Documented {
  description: string;
  default?: unknown;
  rules?: Rule[];
}

function options<T extends Documented & object>({ rules, ...rest }: T) {
  return rules === undefined ? rest : { ...rest, 'x-kubernetes-validations': rules };
}

/** A form that a string must have. */
export interface Form {
  /** A regular expression that RE2 and JavaScript read alike. */
  pattern: string;
  /** Told when it does not match: what to write instead. */
  message: string;
}

/**
 * A string of at most `maxLength` characters. Its form becomes `pattern`, for editors and offline checks, and
 * a rule as well, since the API server's own words for a pattern are the pattern.
 */
export function text(maxLength: number, documented: Documented & { minLength?: number; form?: Form }) {
  const { form, rules = [], ...rest } = documented;
  if (form === undefined) return Type.String({ maxLength, ...options(documented) });
  return Type.String({
    maxLength,
    pattern: form.pattern,
    ...options({
      ...rest,
      rules: [{ rule: `self.matches(r'${form.pattern}')`, message: form.message }, ...rules],
    }),
  });
}

/** One of a closed set of words. For spec only: a status must accept the words of a newer operator. */
export function oneOf<const T extends string>(values: readonly T[], documented: Documented) {
  return Type.Unsafe<T>({ type: 'string', enum: values, ...options(documented) });
}

export function integer(minimum: number, maximum: number, documented: Documented) {
  return Type.Unsafe<number>({ type: 'integer', format: 'int64', minimum, maximum, ...options(documented) });
}

export function boolean(documented: Documented) {
  return Type.Boolean(options(documented));
}

/** A time of day and date in RFC 3339, as the API server writes it. */
export function timestamp(documented: Documented) {
  return Type.String({ format: 'date-time', maxLength: 64, ...options(documented) });
}

/** The pattern of every `duration`. */
export const durationPattern = '^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$';

/** A length of time such as `2h30m`. Parsed by `parseDuration`. Its description tells the default and the form. */
export function duration(documented: Documented & { minimum?: string; maximum?: string }) {
  const { minimum = '1s', maximum = '87600h', rules = [], ...rest } = documented;
  const unset = rest.default === undefined ? '' : ` Unset: ${rest.default}.`;
  const example = durationExample(maximum);
  return Type.String({
    maxLength: 24,
    pattern: durationPattern,
    ...options({
      ...rest,
      // kubectl explain shows no default, and a pattern is not for people.
      description: `${rest.description}${unset} A duration such as ${example}, from ${minimum} to ${maximum}.`,
      rules: [
        {
          rule: `self != '' && self.matches(r'${durationPattern}') && duration(self) >= duration('${minimum}') && duration(self) <= duration('${maximum}')`,
          message: `write a duration such as ${example}, from ${minimum} to ${maximum}`,
        },
        ...rules,
      ],
    }),
  });
}

/** One that the bound allows. Whoever may write days is told how: no unit of a duration is longer than an hour. */
function durationExample(maximum: string): string {
  if (!maximum.endsWith('h')) return '1m30s';
  return Number.parseInt(maximum, 10) > 24 ? '2h30m, or 168h for 7 days' : '2h30m';
}

export function list<T extends TSchema>(
  items: T,
  maxItems: number,
  documented: Documented & { minItems?: number },
) {
  return Type.Array(items, { maxItems, 'x-kubernetes-list-type': 'atomic', ...options(documented) });
}

/** A list whose items are told apart by `key`. */
export function listByKey<T extends TSchema>(
  items: T,
  key: string,
  maxItems: number,
  documented: Documented,
) {
  return Type.Array(items, {
    maxItems,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': [key],
    ...options(documented),
  });
}

/** Free keys with string values, such as tags. */
export function stringMap(documented: Documented & { maxProperties: number; maxValueLength: number }) {
  const { maxProperties, maxValueLength, ...rest } = documented;
  return Type.Unsafe<Record<string, string>>({
    type: 'object',
    maxProperties,
    additionalProperties: { type: 'string', maxLength: maxValueLength },
    ...options(rest),
  });
}

export function object<T extends Record<string, TSchema>>(properties: T, documented: Documented) {
  return Type.Object(properties, options(documented));
}

export function optional<T extends TSchema>(schema: T) {
  return Type.Optional(schema);
}

/** The rule that exactly one of the optional members of an object is set. */
export function exactlyOne(...members: string[]): Rule {
  return {
    rule: `[${members.map((member) => `has(self.${member})`).join(', ')}].filter(x, x).size() == 1`,
    message: `set exactly one of ${members.join(', ')}`,
  };
}

/** An object of which exactly one member is set; its description says so, since kubectl explain shows no rules. */
export function union<T extends Record<string, TSchema>>(properties: T, documented: Documented) {
  return object(properties, {
    ...documented,
    description: `${documented.description} Set exactly one of ${Object.keys(properties).join(', ')}.`,
    rules: [exactlyOne(...Object.keys(properties)), ...(documented.rules ?? [])],
  });
}

/**
 * Rules that keep fields as they were made: for an optional field, present as before, and equal when present.
 *
 * @param fields names of fields below the object that bears the rules
 * @param instead what to do instead of changing them
 */
export function immutable(fields: { required?: string[]; optional?: string[] }, instead: string): Rule[] {
  const message = (field: string) => `${field} cannot be changed; ${instead}`;
  return [
    ...(fields.required ?? []).map((field) => ({
      rule: `self.${field} == oldSelf.${field}`,
      message: message(field),
      fieldPath: `.${field}`,
    })),
    ...(fields.optional ?? []).map((field) => ({
      rule: `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field} == oldSelf.${field})`,
      message: message(field),
      fieldPath: `.${field}`,
    })),
  ];
}

export type { Static };
