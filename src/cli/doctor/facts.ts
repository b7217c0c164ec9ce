/** What the doctor looks at, as plain data: gathered in gather.ts, judged in diagnose.ts. */
import type { KindName } from '../../api/kinds.ts';
import type { Lease } from '../../runtime/leader-election.ts';
import type { AnyObject } from '../objects.ts';
import type { Right } from './rights.ts';

/** Something that was read, or why it was not. */
export type Seen<T> = { seen: T } | { unseen: string };

export interface Facts {
  /** Version of this plugin. */
  build: string;
  server: Seen<ServerFacts>;
  /** The kinds that the API server serves as the version that this build speaks. */
  served: Seen<ReadonlySet<string>>;
  /** Fields of the kinds as the API server knows them, and as this build does: `spec.source.vm`. */
  fields: Seen<ReadonlyMap<string, ReadonlySet<string>>>;
  ownFields: Seen<ReadonlyMap<string, ReadonlySet<string>>>;
  definitions: Seen<DefinitionFacts[]>;
  /** What the person may do in the namespace. */
  namespace: string;
  mine: Seen<{ right: Right; isGranted: boolean }[]>;
  operators: Seen<OperatorFacts[]>;
  /** Where operators were looked for when none was found, and the Lease there of one that runs elsewhere. */
  lookedIn: string;
  strayLease: LeaseFacts;
  /** Undefined: all namespaces. */
  scope: string | undefined;
  objects: Seen<AnyObject[]>;
  /** Kinds of which the objects could not be read. */
  missing: string[];
}

export interface ServerFacts {
  /** `v1.34.1`; undefined when it does not say. */
  version: string | undefined;
  /** Its clock and this machine's, in the same moment, in milliseconds; undefined when it does not say. */
  clocks: { server: number; here: number } | undefined;
}

export interface DefinitionFacts {
  kind: KindName;
  storedVersions: string[];
  /** Conditions that say that the definition does not work. */
  troubles: string[];
}

/** A Lease by which an operator leads. */
export type LeaseFacts = Seen<Lease | undefined> & { name: string };

export interface OperatorFacts {
  namespace: string;
  name: string;
  image: string;
  wanted: number;
  available: number;
  /** Messages of the conditions of a Deployment that is not well. */
  troubles: string[];
  /** Undefined when no election is held. */
  lease: LeaseFacts | undefined;
  account: string;
  /** What it needs and is not granted. */
  missing: Seen<{ right: Right; namespace: string | undefined; name?: string }[]>;
}
