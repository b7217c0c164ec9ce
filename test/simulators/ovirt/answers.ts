import { faultOfKind } from '../common/faults.ts';
import type { ObjectElement } from './document.ts';
import { atLeast } from './engine-version.ts';
import { badRequest, EngineError, notFoundEmpty } from './errors.ts';
import { type EngineAnswer, type EngineRequest, flag, readFlag } from './requests.ts';
import type { Snapshot, Vm, World } from './state.ts';
import { canSee } from './users.ts';

/** Gives a collection, short of entries when a fault wants that. */
export function collection(
  request: EngineRequest,
  name: string,
  items: readonly ObjectElement[],
): EngineAnswer {
  if (faultOfKind(request.faults, 'list-not-found')) {
    throw new EngineError(404, 'Operation Failed', 'Entity not found: null');
  }
  const omit = faultOfKind(request.faults, 'list-incomplete')?.omit ?? 0;
  return { status: 200, element: { kind: 'list', name, items: items.slice(0, items.length - omit) } };
}

/** Gives one object. */
export function one(element: ObjectElement): EngineAnswer {
  return { status: 200, element };
}

/** What is to be written in place of links: `follow`, from 4.2 on. */
export function followed(request: EngineRequest, allowed: readonly string[]): string[] {
  const text = request.options.get('follow');
  if (text === undefined || !atLeast(request.version, '4.2')) return [];
  const wanted = text.split(',').map((part) => part.trim());
  for (const path of wanted) {
    // Reported to fail by oVirt's own user interface (oVirt sheet, section 4).
    if (path === 'snapshots.disks') {
      throw new EngineError(500, 'Operation Failed', '[Internal Engine Error]', {
        violation: 'follow=snapshots.disks is reported to fail.',
      });
    }
    if (!allowed.includes(path)) {
      throw badRequest('Operation Failed', `[The simulator cannot follow '${path}' here.]`);
    }
  }
  return wanted;
}

/** Whether the request sees only what its user has permissions on (oVirt sheet, section 3.5). */
export function visible(request: EngineRequest, vmId: string): boolean {
  const asked = flag(request, 'filter') ?? readFlag(request.wire.headers.filter);
  if (!request.user.admin && asked === false) {
    throw new EngineError(
      403,
      'Operation Failed',
      '[query execution failed due to insufficient permissions.]',
    );
  }
  return canSee(request.user, vmId);
}

/** The list below a VM that is not there: empty, unless the behaviour says otherwise. */
export function listOfUnknownVm(world: World, request: EngineRequest, name: string): EngineAnswer {
  if (world.behaviour.listOfUnknownVm === 'not-found') throw notFoundEmpty();
  return collection(request, name, []);
}

/** Order is not promised: v3 was recorded with the active entry first, v4 with it last. */
export function inOrder(request: EngineRequest, vm: Vm): Snapshot[] {
  const active = vm.snapshots.filter(({ type }) => type === 'active');
  const others = vm.snapshots.filter(({ type }) => type !== 'active');
  return request.api === 3 ? [...active, ...others] : [...others, ...active];
}
