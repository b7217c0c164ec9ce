import { type TSchema, Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { integer, list, listByKey, object, oneOf, optional, stringMap, text } from '../v1alpha1/schema.ts';
import { toStructural } from './structural.ts';

const described = { description: 'A member.' };
const holding = (member: TSchema) => object({ member }, { description: 'An object.' });

describe('structural schemas', () => {
  it('hold what the kinds are built of, in one order of keywords', () => {
    const schema = object(
      { names: optional(list(text(63, described), 4, described)), mode: oneOf(['A', 'B'], described) },
      { description: 'An object.', rules: [{ rule: 'true', message: 'm' }] },
    );
    expect(JSON.stringify(toStructural(schema, 'Kind'))).toBe(
      JSON.stringify({
        type: 'object',
        description: 'An object.',
        required: ['mode'],
        properties: {
          names: {
            type: 'array',
            description: 'A member.',
            maxItems: 4,
            'x-kubernetes-list-type': 'atomic',
            items: { type: 'string', description: 'A member.', maxLength: 63 },
          },
          mode: { type: 'string', description: 'A member.', enum: ['A', 'B'] },
        },
        'x-kubernetes-validations': [{ rule: 'true', message: 'm' }],
      }),
    );
  });

  it.each<[string, TSchema, string]>([
    [
      'anyOf',
      Type.Unsafe({ type: 'string', anyOf: [] }),
      'Kind.member: a structural schema cannot hold anyOf',
    ],
    [
      'const',
      Type.Unsafe({ type: 'string', const: 'a' }),
      'Kind.member: a structural schema cannot hold const',
    ],
    [
      '$ref',
      Type.Unsafe({ type: 'object', $ref: '#/a' }),
      'Kind.member: a structural schema cannot hold $ref',
    ],
    [
      'no type',
      Type.Union([Type.String(), Type.Null()]),
      'Kind.member: type is undefined; it must be one of',
    ],
    ['type number', Type.Number(described), 'Kind.member: type is "number"'],
    [
      'a keyword of another type',
      Type.Unsafe({ type: 'boolean', maxLength: 3 }),
      'Kind.member: maxLength does not go with type boolean',
    ],
    [
      'additionalProperties beside properties',
      Type.Unsafe({ type: 'object', properties: {}, additionalProperties: { type: 'string', maxLength: 1 } }),
      'Kind.member: additionalProperties and properties exclude each other',
    ],
    [
      'additionalProperties that are no schema',
      Type.Unsafe({ type: 'object', additionalProperties: true, maxProperties: 1 }),
      'Kind.member: additionalProperties must be a schema',
    ],
    ['an unbounded string', Type.String(described), 'Kind.member: a string needs maxLength or enum'],
    [
      'an unbounded integer',
      Type.Integer({ ...described, minimum: 0 }),
      'Kind.member: an integer needs minimum and maximum',
    ],
    ['an unbounded list', Type.Array(text(1, described)), 'Kind.member: a list needs maxItems'],
    [
      'a list that does not say how it is merged',
      Type.Array(text(1, described), { maxItems: 1 }),
      'Kind.member: a list needs x-kubernetes-list-type',
    ],
    [
      'an unbounded string in a list',
      list(Type.String(), 1, described),
      'Kind.member[]: a string needs maxLength',
    ],
    [
      'an unbounded map',
      Type.Unsafe({ type: 'object', additionalProperties: { type: 'string', maxLength: 1 } }),
      'Kind.member: an object without properties needs maxProperties',
    ],
    [
      'an unbounded string in a map',
      Type.Unsafe({ type: 'object', additionalProperties: { type: 'string' }, maxProperties: 1 }),
      'Kind.member.*: a string needs maxLength',
    ],
    [
      'a key of a list that items need not have',
      listByKey(holding(optional(integer(0, 1, described))), 'member', 1, described),
      'Kind.member: the key member must be required in each item',
    ],
    [
      'a required member with a default',
      holding(text(1, { ...described, default: 'a' })),
      'Kind.member: member is required and has a default',
    ],
    ['a member without a description', Type.Boolean(), 'Kind.member: has no description'],
  ])('cannot hold %s', (_, member, message) => {
    expect(() => toStructural(holding(member), 'Kind')).toThrow(message);
  });

  it('hold maps of bounded strings', () => {
    const map = stringMap({ ...described, maxProperties: 2, maxValueLength: 3 });
    expect(toStructural(holding(map), 'Kind').properties?.member).toMatchObject({
      maxProperties: 2,
      additionalProperties: { type: 'string', maxLength: 3 },
    });
  });
});
