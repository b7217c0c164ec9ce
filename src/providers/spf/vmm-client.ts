import { hinted } from '../failures.ts';
import { type HttpResponse, parseJSON } from '../http.ts';
import { listOf, MalformedAnswer, recordOf, textOf } from '../json.ts';
import { markedNameIn } from '../marked-text.ts';
import { type Call, type Failure, mapOutcome, type Outcome, succeeded, type WriteCall } from '../outcome.ts';
import { childOf, childrenOf, parseXML } from '../xml.ts';
import { type Entity, entityOf, pageOf } from './odata/answer.ts';
import {
  entityPath,
  filterPath,
  isGUID,
  type Key,
  type Literal,
  nextPath,
  type SetName,
  sameGUID,
} from './odata/uri.ts';
import { type Exchange, expectAcceptance, jobIDOf, type VMMService } from './vmm-service.ts';
import {
  type Checkpoint,
  checkpointOf,
  expectSame,
  type Job,
  jobOf,
  keyOf,
  type VirtualMachine,
  virtualMachineOf,
} from './wire.ts';

/** What a write came to: the job that carries it out, where the answer named one. */
export interface Accepted {
  jobID?: string;
}

/** A checkpoint that is to be made. */
export interface NewCheckpoint {
  vm: Key;
  name: string;
  description: string;
  /** SPF's own pages contradict each other about it; null is what works (SPF sheet, section 3). */
  confirm: boolean | null;
}

/** What a VM is told to do: `Stop` does not ask the guest. */
export type VMOperation = 'Start' | 'Stop' | 'Shutdown';

/** No list is taken to be longer: SPF documents no page size, and VMM no number of checkpoints. */
const maxPages = 500;
const maxRows = 100_000;
const noGUID = '00000000-0000-0000-0000-000000000000';

/** The requests that Keyframe makes of a VMM service, with typed answers. */
export class VMMClient {
  readonly #service: VMMService;
  /** The sets whose filters were refused. */
  readonly #unfiltered = new Set<SetName>();
  /** Whether something stopped MERGE (405) or the service has no such verb (501). */
  #mergeIsStopped = false;

  constructor(service: VMMService) {
    this.#service = service;
  }

  /** Asks for the service document, which tells the VMM service from SPF's others. */
  async probe(call: Call): Promise<Outcome<void>> {
    return this.#service.send(call, {
      operation: 'probe',
      method: 'GET',
      path: '',
      resource: '',
      target: 'Set',
      read: (response) => {
        const sets = setsIn(response);
        const missing = ['VirtualMachines', 'VMCheckPoints', 'Jobs'].filter((set) => !sets.includes(set));
        if (missing.length > 0) {
          const message = `the service has no ${missing.join(', ')}: it is none of VMM's. Check spec.spf.url`;
          throw new MalformedAnswer(message);
        }
        return { kind: 'Done', value: undefined };
      },
    });
  }

  getVirtualMachine(key: Key, call: Call): Promise<Outcome<VirtualMachine>> {
    return this.#get('VirtualMachines', key, 'getVM', virtualMachineOf, call);
  }

  /** The VMs of an id or an exact name, on one stamp or on all. */
  async findVirtualMachines(
    wanted: ({ id: string } | { name: string }) & { stampID?: string },
    call: Call,
  ): Promise<Outcome<VirtualMachine[]>> {
    const what: Record<string, Literal> =
      'id' in wanted ? { ID: { guid: wanted.id } } : { Name: { text: wanted.name } };
    const found = await this.#list(
      'VirtualMachines',
      { ...onStamp(wanted), ...what },
      'listVMs',
      virtualMachineOf,
      call,
    );
    if (!succeeded(found) && found.error.code === 'AnswerTooLarge')
      return { ...found, error: hinted(found.error, 'Name the VM by id and stampID, which needs no list') };
    return filtered(
      found,
      (vm) =>
        ('id' in wanted ? sameGUID(vm.id, wanted.id) : vm.name === wanted.name) &&
        (wanted.stampID === undefined || sameGUID(vm.stampID, wanted.stampID)),
    );
  }

  /** Tells a VM to do something. */
  operate(key: Key, operation: VMOperation, call: WriteCall): Promise<Outcome<Accepted>> {
    const name = { Start: 'startVM', Stop: 'stopVM', Shutdown: 'shutdownVM' }[operation];
    // Clients that work send the operation alone, also with PUT (SPF sheet, section 4).
    const body = { 'odata.type': 'VMM.VirtualMachine', Operation: operation };
    return this.#update(
      'VirtualMachines',
      key,
      name,
      body,
      async () => ({ kind: 'Done', value: body }),
      call,
    );
  }

  getCheckpoint(key: Key, call: Call): Promise<Outcome<Checkpoint>> {
    return this.#get('VMCheckPoints', key, 'getCheckpoint', checkpointOf, call);
  }

  /** Every checkpoint of a VM: a complete list or a failure. */
  async listCheckpoints(vm: Key, call: Call): Promise<Outcome<Checkpoint[]>> {
    const wanted = { StampId: { guid: vm.stampID }, VMId: { guid: vm.id } };
    const found = await this.#list('VMCheckPoints', wanted, 'listCheckpoints', checkpointOf, call);
    return filtered(found, (one) => sameGUID(one.stampID, vm.stampID) && sameGUID(one.vmID, vm.id));
  }

  /** The checkpoints of an id: one, or none, or one on each of several stamps. */
  async findCheckpoints(id: string, stampID: string | undefined, call: Call): Promise<Outcome<Checkpoint[]>> {
    const wanted = { ...onStamp(stampID === undefined ? {} : { stampID }), ID: { guid: id } };
    const found = await this.#list('VMCheckPoints', wanted, 'listCheckpoints', checkpointOf, call);
    return filtered(
      found,
      (one) => sameGUID(one.id, id) && (stampID === undefined || sameGUID(one.stampID, stampID)),
    );
  }

  /** Asks for a checkpoint, once. The row is there at once; its job has only begun. */
  createCheckpoint(
    { vm, name, description, confirm }: NewCheckpoint,
    call: WriteCall,
  ): Promise<Outcome<Accepted & { checkpoint: Checkpoint }>> {
    return this.#service.send(call, {
      operation: 'createCheckpoint',
      method: 'POST',
      path: 'VMCheckPoints',
      // Every member, as in the exchange that is known to work (SPF sheet, vmcheckpoint-create.json).
      body: {
        'odata.type': 'VMM.VMCheckPoint',
        Accessibility: null,
        AddedTime: null,
        CheckpointID: null,
        Confirm: confirm,
        Description: description,
        Enabled: null,
        ID: noGUID,
        ModifiedTime: null,
        Name: name,
        ParentCheckpointID: null,
        RunAsynchronously: null,
        StampId: vm.stampID,
        VMCheckPointAction: null,
        VMId: vm.id,
      },
      resource: vm.id,
      target: 'Create',
      read: (response) => {
        const checkpoint = checkpointOf(entityOf(response));
        if (!sameGUID(checkpoint.vmID, vm.id) || !sameGUID(checkpoint.stampID, vm.stampID)) {
          throw new MalformedAnswer(
            `asked for a checkpoint of VM ${vm.id}, but the answer is about one of VM ${checkpoint.vmID}`,
          );
        }
        return { kind: 'Pending', value: { checkpoint, ...jobOfWrite(response) } };
      },
    });
  }

  /**
   * Puts the VM of a checkpoint back to it, once: MERGE with nothing but the action, or PUT of all of it where MERGE
   * is stopped.
   */
  restoreCheckpoint(key: Key, call: WriteCall): Promise<Outcome<Accepted>> {
    return this.#updateCheckpoint(key, 'restoreCheckpoint', { VMCheckPointAction: 'Restore' }, call);
  }

  /** Changes name and description. */
  describeCheckpoint(
    key: Key,
    { name, description }: { name: string; description: string },
    call: WriteCall,
  ): Promise<Outcome<Accepted>> {
    return this.#updateCheckpoint(key, 'describeCheckpoint', { Name: name, Description: description }, call);
  }

  /** Asks for the removal of one checkpoint; its children stay. */
  deleteCheckpoint(key: Key, call: WriteCall): Promise<Outcome<Accepted>> {
    return this.#service.send(call, {
      operation: 'deleteCheckpoint',
      method: 'DELETE',
      path: entityPath('VMCheckPoints', key),
      resource: key.id,
      target: 'Key',
      read: acceptedOf,
    });
  }

  getJob(key: Key, call: Call): Promise<Outcome<Job>> {
    return this.#get('Jobs', key, 'getJob', jobOf, call);
  }

  /**
   * The jobs of a stamp that have not ended. `Unsupported` where the filter is not obeyed: without it, the list is
   * that of all jobs there ever were.
   */
  listUnfinishedJobs(stampID: string, call: Call): Promise<Outcome<Job[]>> {
    const wanted: Record<string, Literal> = { StampId: { guid: stampID }, IsCompleted: { boolean: false } };
    const isWanted = (job: Job) => job.state === 'Running' && sameGUID(job.stampID, stampID);
    return this.#pages('Jobs', filterPath('Jobs', wanted), 'listJobs', call, jobOf, isWanted);
  }

  async #updateCheckpoint(
    key: Key,
    operation: string,
    changes: Record<string, string>,
    call: WriteCall,
  ): Promise<Outcome<Accepted>> {
    const whole = async (): Promise<Outcome<object>> => {
      const entity = await this.#get('VMCheckPoints', key, 'getCheckpoint', (members) => members, call);
      if (!succeeded(entity)) return entity;
      // Whether a PUT resets what it leaves out is contradictory (SPF sheet, section 4): it leaves out nothing. But an
      // action that SPF still shows was carried out before, and is not to be once more.
      const known = { ...entity.value, VMCheckPointAction: null };
      return { kind: 'Done', value: { 'odata.type': 'VMM.VMCheckPoint', ...known, ...changes } };
    };
    const body = { ...changes, 'odata.type': 'VMM.VMCheckPoint' };
    return this.#update('VMCheckPoints', key, operation, body, whole, call);
  }

  /**
   * MERGE, and PUT only after a 405 or 501, with which whoever answered says that nothing was done.
   *
   * @param whole what the PUT sends, read afresh
   */
  async #update(
    set: SetName,
    key: Key,
    operation: string,
    changes: object,
    whole: () => Promise<Outcome<object>>,
    call: WriteCall,
  ): Promise<Outcome<Accepted>> {
    const exchange = {
      operation,
      path: entityPath(set, key),
      resource: key.id,
      target: 'Key',
      read: acceptedOf,
    } as const;
    if (!this.#mergeIsStopped) {
      const merged = await this.#service.send(call, { ...exchange, method: 'MERGE', body: changes });
      if (succeeded(merged) || (merged.error.status !== 405 && merged.error.status !== 501)) return merged;
      this.#mergeIsStopped = true;
    }
    const body = await whole();
    if (!succeeded(body)) return body;
    const put = await this.#service.send(call, { ...exchange, method: 'PUT', body: body.value });
    // What stopped MERGE may have gone; the next attempt begins with it again.
    if (!succeeded(put) && put.error.status === 405) this.#mergeIsStopped = false;
    return put;
  }

  /** One entity; an answer about another is none. */
  #get<T>(
    set: SetName,
    key: Key,
    operation: string,
    read: (entity: Entity) => T,
    call: Call,
  ): Promise<Outcome<T>> {
    return this.#service.send(call, {
      operation,
      method: 'GET',
      path: entityPath(set, key),
      resource: key.id,
      target: 'Key',
      read: (response) => {
        const entity = entityOf(response);
        expectSame(keyOf(entity, `a ${nouns[set]}`), key, nouns[set]);
        return { kind: 'Done', value: read(entity) };
      },
    });
  }

  /** All entities of a set that equal what is wanted, each once, and perhaps others: filters may be ignored. */
  async #list<T extends Key>(
    set: SetName,
    wanted: Record<string, Literal>,
    operation: string,
    read: (entity: Entity) => T,
    call: Call,
  ): Promise<Outcome<T[]>> {
    const pages = async (path: string): Promise<Outcome<T[]>> => {
      // Of rows of others nothing need be understood.
      const readWanted = (entity: Entity) => (mayEqual(entity, wanted) ? read(entity) : undefined);
      const found = await this.#pages(set, path, operation, call, readWanted);
      return mapOutcome(found, (rows) => eachOnce(rows.filter((row) => row !== undefined)));
    };
    if (!this.#unfiltered.has(set)) {
      const found = await pages(filterPath(set, wanted));
      // Some properties cannot be queried, and everything has to be fetched (SPF sheet, section 4).
      if (succeeded(found) || !mayRefuseFilter(found)) return found;
      const all = await pages(filterPath(set, {}));
      // An internal error may have been of the moment.
      if (succeeded(all) && found.error.status !== 500) this.#unfiltered.add(set);
      return succeeded(all) ? all : found;
    }
    return pages(filterPath(set, {}));
  }

  /**
   * All pages of a list, or a failure.
   *
   * @param isWanted where given, the list is `Unsupported` as soon as something is in it that was not asked for
   */
  async #pages<T>(
    set: SetName,
    first: string,
    operation: string,
    call: Call,
    read: (entity: Entity) => T,
    isWanted?: (item: T) => boolean,
  ): Promise<Outcome<T[]>> {
    const rows: T[] = [];
    const seen = new Set<string>();
    for (let path: string | undefined = first; path !== undefined; ) {
      if (seen.has(path) || seen.size >= maxPages || rows.length > maxRows) {
        const message = `the list of ${set} does not end: ${rows.length} of them on ${seen.size} pages, and a link to one more`;
        return { kind: 'Unavailable', error: { code: 'EndlessList', message } };
      }
      seen.add(path);
      const page: Outcome<{ items: T[]; next?: string }> = await this.#service.send(
        call,
        this.#page(set, path, operation, read),
      );
      if (!succeeded(page)) return page;
      if (isWanted !== undefined && !page.value.items.every(isWanted)) {
        const message = `the filter on ${set} is not obeyed`;
        return { kind: 'Unsupported', error: { code: 'FilterIgnored', message } };
      }
      rows.push(...page.value.items);
      path = page.value.next;
    }
    return { kind: 'Done', value: rows };
  }

  #page<T>(
    set: SetName,
    path: string,
    operation: string,
    read: (entity: Entity) => T,
  ): Exchange<{ items: T[]; next?: string }> {
    return {
      operation,
      method: 'GET',
      path,
      resource: set,
      target: 'Set',
      read: (response) => {
        const { entities, nextLink } = pageOf(response);
        const next = nextLink === undefined ? undefined : nextPath(set, nextLink);
        if (nextLink !== undefined && next === undefined) {
          throw new MalformedAnswer(`the link to the next page of ${set} leads to something else`);
        }
        const items = entities.map(read);
        return { kind: 'Done', value: next === undefined ? { items } : { items, next } };
      },
    };
  }
}

/** Whether a list may have failed for its filter alone: nothing tells with which status SPF refuses one. */
function mayRefuseFilter({ kind, error: { status } }: Failure): boolean {
  if (kind === 'Invalid' || kind === 'Unsupported') return true;
  return kind === 'Unavailable' && (status === 500 || status === 501);
}

/**
 * Whether a row may be one that is wanted. A checkpoint of no VM, which the model allows, is none; but where it bears
 * our mark, its VM is only not known.
 */
function mayEqual(entity: Entity, wanted: Record<string, Literal>): boolean {
  return Object.entries(wanted).every(([name, literal]) => {
    const value = entity[name];
    if (value === undefined || 'boolean' in literal) return true;
    const isNone = value === null || value === '';
    if ('text' in literal) return !isNone && (typeof value !== 'string' || value === literal.text);
    if (isNone) return [entity.Name, entity.Description].some((text) => markedNameIn(textOf(text)));
    return typeof value !== 'string' || !isGUID(value) || sameGUID(value, literal.guid);
  });
}

/** What was made or removed while the pages were read may be on two of them. */
function eachOnce<T extends Key>(rows: T[]): T[] {
  return [...new Map(rows.map((row) => [`${row.stampID}/${row.id}`, row])).values()];
}

const nouns: Record<SetName, string> = {
  VirtualMachines: 'virtual machine',
  VMCheckPoints: 'checkpoint',
  Jobs: 'job',
};

function onStamp({ stampID }: { stampID?: string }): Record<string, Literal> {
  return stampID === undefined ? {} : { StampId: { guid: stampID } };
}

function filtered<T>(outcome: Outcome<T[]>, keep: (item: T) => boolean): Outcome<T[]> {
  return succeeded(outcome) ? { ...outcome, value: outcome.value.filter(keep) } : outcome;
}

function acceptedOf(response: HttpResponse): Outcome<Accepted> {
  expectAcceptance(response);
  return { kind: 'Pending', value: jobOfWrite(response) };
}

function jobOfWrite(response: HttpResponse): Accepted {
  const jobID = jobIDOf(response);
  return jobID === undefined ? {} : { jobID };
}

/** The sets that a service document names, in any of its forms. */
function setsIn(response: HttpResponse): string[] {
  const json = recordOf(parseJSON(response.body));
  const named = listOf(recordOf(json?.d)?.EntitySets) ?? listOf(json?.value);
  if (named !== undefined) {
    return named.flatMap(
      (set) => textOf(set) ?? textOf(recordOf(set)?.url) ?? textOf(recordOf(set)?.name) ?? [],
    );
  }
  const workspace = childOf(parseXML(response.body), 'workspace');
  if (workspace === undefined) {
    throw new MalformedAnswer(
      'the answer should be the document of an OData service, and is not. Check spec.spf.url',
    );
  }
  return childrenOf(workspace, 'collection').map((set) => set.attributes.get('href') ?? '');
}
