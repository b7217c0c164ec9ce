import { fileURLToPath } from 'node:url';
import type { KindName } from '../../src/api/kinds.ts';
import { waitFor } from '../controlplane/wait.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { type AnyObject, ready, type Stage } from '../support/stage.ts';
import { type StopAt, stopVariable } from './stop-at.ts';

const stoppableOperator = fileURLToPath(new URL('stoppable-operator.ts', import.meta.url));

/**
 * A namespace, and operators that serve this namespace alone: so that many scenes can play on one stage at once. What
 * is in it depends on the vendor.
 */
export abstract class Scene implements AsyncDisposable {
  readonly namespace: string;
  protected readonly stage: Stage;
  readonly #operators: OperatorProcess[] = [];

  protected constructor(stage: Stage, namespace: string) {
    this.stage = stage;
    this.namespace = namespace;
  }

  /** How things stand, objects and vendor, for error messages. */
  protected abstract account(objects: AnyObject[]): string[];

  /** Starts an operator for this namespace. */
  async operator(flags: string[] = []): Promise<OperatorProcess> {
    return this.#start(flags);
  }

  /** Starts an operator for this namespace that stops itself. */
  async stoppable(stopAt: StopAt, flags: string[] = []): Promise<OperatorProcess> {
    return this.#start(flags, { [stopVariable]: JSON.stringify(stopAt) }, stoppableOperator);
  }

  /** Makes an object. */
  async make(kind: KindName, name: string, spec: object): Promise<AnyObject> {
    return this.stage.make(kind, this.namespace, name, spec);
  }

  /** Deletes an object. */
  async remove({ kind, metadata }: AnyObject): Promise<void> {
    await this.stage.remove(kind as KindName, this.namespace, metadata.name);
  }

  async removeAll(objects: AnyObject[]): Promise<void> {
    for (const object of objects) await this.remove(object);
  }

  /** The objects of some kinds as they are now. */
  protected async list(kinds: readonly KindName[]): Promise<AnyObject[]> {
    const lists = await Promise.all(kinds.map((kind) => this.stage.list(kind, this.namespace)));
    return lists.flat();
  }

  /** Waits until something holds of the objects of some kinds, and gives them. */
  protected async until(
    what: string,
    kinds: readonly KindName[],
    holds: (objects: AnyObject[]) => boolean,
    deadlineMs: number,
  ): Promise<AnyObject[]> {
    let last: AnyObject[] = [];
    try {
      return await waitFor(
        `${kinds.join(', ')} of ${this.namespace}: ${what}`,
        async () => {
          last = await this.list(kinds);
          return holds(last) ? last : undefined;
        },
        { deadline: deadlineMs, interval: 150 },
      );
    } catch (error) {
      const logs = this.#operators.map((operator, index) => `operator ${index}:\n${operator.tail(30)}`);
      throw new Error([String(error), ...this.account(last), ...logs].join('\n'));
    }
  }

  async #start(...[flags = [], env, program]: Parameters<Stage['operator']>): Promise<OperatorProcess> {
    const operator = await this.stage.operator([`--namespaces=${this.namespace}`, ...flags], env, program);
    this.#operators.push(operator);
    return operator;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#operators.map((operator) => operator[Symbol.asyncDispose]()));
  }
}

/** Whether every object is Ready, and what was deleted is gone. */
export function areReady(objects: AnyObject[]): boolean {
  return objects.every(
    (object) => object.metadata.deletionTimestamp === undefined && ready(object)?.status === 'True',
  );
}

/** An object in short, for error messages. */
export function objectLine({ metadata, status }: AnyObject): string {
  return JSON.stringify({ name: metadata.name, annotations: metadata.annotations, status });
}
