import { group, type Kind, version } from '../kinds.ts';
import type { StructuralSchema } from './structural.ts';

/** The category of all kinds: `kubectl get keyframe`. */
export const category = 'keyframe';

/**
 * The CustomResourceDefinition (apiextensions.k8s.io/v1) of a kind.
 *
 * @param kind names and columns
 * @param schema of `spec` and `status`
 */
export function customResourceDefinition(kind: Kind, schema: StructuralSchema) {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${group}` },
    spec: {
      group,
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.kind.toLowerCase(),
        shortNames: [kind.shortName],
        categories: [category],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns.map(({ wide, ...column }) => ({
            ...column,
            priority: wide ? 1 : 0,
          })),
          schema: { openAPIV3Schema: wholeObject(schema) },
        },
      ],
    },
  };
}

/** Adds the members that every Kubernetes object has. */
function wholeObject(schema: StructuralSchema) {
  return {
    ...schema,
    properties: {
      apiVersion: {
        description: 'Version of the schema of this object.',
        type: 'string',
      },
      kind: {
        description: 'Kind of this object, in CamelCase.',
        type: 'string',
      },
      metadata: { type: 'object' },
      ...schema.properties,
    },
  };
}
