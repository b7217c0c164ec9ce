import type { AzureProvider } from './azure/azure-provider.ts';
import type { VMOperator } from './provider.ts';

/** A connection to any of the vendors; `vendor` tells which. */
export type AnyProvider = AzureProvider | VMOperator;
