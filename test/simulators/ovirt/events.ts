/**
 * The codes of events about snapshots and the words that go with them (oVirt sheet, section 11). The meanings of 10764
 * to 10770 are those of AuditLogType in the sources of engines 3.6 to 4.5: the last two are about freezing by a call.
 */
const eventTexts = {
  30: ['normal', 'User {user} logged in.'],
  32: ['normal', 'VM {vm} was started.'],
  33: ['normal', 'VM {vm} powered off.'],
  34: ['normal', 'VM {vm} creation was initiated.'],
  45: ['normal', "Snapshot '{snapshot}' creation for VM '{vm}' was initiated."],
  46: ['normal', "Snapshot-Preview '{snapshot}' for VM '{vm}' was initiated."],
  47: ['normal', "VM '{vm}' restored from Snapshot '{snapshot}' was initiated."],
  53: ['normal', 'VM {vm} creation has been completed.'],
  60: ['error', 'Failed to complete VM {vm} creation.'],
  68: ['normal', "Snapshot '{snapshot}' creation for VM '{vm}' has been completed."],
  69: ['error', "Failed to complete snapshot '{snapshot}' creation for VM '{vm}'."],
  71: ['normal', "Snapshot-Preview '{snapshot}' for VM '{vm}' has been completed."],
  73: ['normal', 'VM shutdown initiated on VM {vm}.'],
  94: ['normal', "Committing a Snapshot-Preview for VM '{vm}' was initialized."],
  95: ['normal', "Committing a Snapshot-Preview for VM '{vm}' has been completed."],
  96: ['error', "Failed to commit Snapshot-Preview for VM '{vm}'."],
  99: ['error', "Failed to complete Snapshot-Preview '{snapshot}' for VM '{vm}'."],
  100: ['normal', "VM '{vm}' restoring from Snapshot has been completed."],
  101: ['error', "Failed to complete restoring from Snapshot of VM '{vm}'."],
  115: ['error', "Failed to preview Snapshot '{snapshot}' for VM '{vm}'."],
  116: ['error', "Failed to restore VM '{vm}' from Snapshot '{snapshot}'."],
  117: ['error', "Failed to create Snapshot '{snapshot}' for VM '{vm}'."],
  170: [
    'warning',
    "Failed to create live snapshot '{snapshot}' for VM '{vm}'. VM restart is recommended. " +
      'Note that using the created snapshot might cause data inconsistency.',
  ],
  173: ['warning', "Failed to save memory as part of Snapshot '{snapshot}' for VM '{vm}'."],
  342: ['normal', "Snapshot '{snapshot}' deletion for VM '{vm}' was initiated."],
  343: ['error', "Failed to delete Snapshot '{snapshot}' for VM '{vm}'."],
  356: ['normal', "Snapshot '{snapshot}' deletion for VM '{vm}' has been completed."],
  357: ['error', "Failed to delete snapshot '{snapshot}' for VM '{vm}'."],
  359: ['error', "Possible failure while deleting images of snapshot '{snapshot}' from the VM '{vm}'."],
  362: ['error', "Failed to delete part of snapshot '{snapshot}' of VM '{vm}'."],
  650: ['normal', "Undoing a Snapshot-Preview for VM '{vm}' was initialized."],
  651: ['normal', "Undoing a Snapshot-Preview for VM '{vm}' has been completed."],
  652: ['error', "Failed to undo Snapshot-Preview for VM '{vm}'."],
  10764: [
    'warning',
    'Failed to freeze guest filesystems on VM {vm}. Note that using the created snapshot might cause data inconsistency.',
  ],
  10765: ['warning', 'Failed to thaw guest filesystems on VM {vm}. The VM might be unresponsive.'],
  10766: ['normal', 'Freeze of guest filesystems on VM {vm} was initiated.'],
  10767: ['normal', 'Guest filesystems on VM {vm} have been frozen successfully.'],
  10768: ['normal', 'Guest filesystems on VM {vm} have been thawed successfully.'],
  10769: ['warning', 'Failed to freeze guest filesystems on {vm}.'],
  10770: ['warning', 'Failed to thaw guest filesystems on {vm}.'],
  10774: [
    'error',
    "Failed to create snapshot '{snapshot}' for VM '{vm}'. The snapshot was left in place, since its volumes are in use.",
  ],
} as const satisfies Record<number, readonly ['normal' | 'warning' | 'error', string]>;

export type EventCode = keyof typeof eventTexts;

/** Something that the engine tells about what happened. */
export interface EngineEvent {
  id: number;
  code: number;
  severity: 'normal' | 'warning' | 'error' | 'alert';
  time: number;
  description: string;
  correlationId: string | undefined;
  vmId: string | undefined;
  vmName: string | undefined;
  /** Set by a fault: the event was written and is not to be found. */
  lost: boolean;
}

/** What an event is about. */
export interface EventSubject {
  correlationId?: string;
  vm?: { id: string; name: string };
  snapshot?: string;
  user?: string;
  lost?: boolean;
}

/** How many events are kept; engines keep 30 days of them. */
const rememberedEvents = 50_000;

/** The engine's log, oldest first. */
export class EventLog {
  readonly #now: () => number;
  #nextId = 1;
  readonly all: EngineEvent[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Writes an event with the words that belong to its code. */
  write(code: number, subject: EventSubject, time = this.#now()): void {
    const [severity, text] = Object.hasOwn(eventTexts, code)
      ? eventTexts[code as EventCode]
      : (['error', 'Event of VM {vm}, snapshot {snapshot}.'] as const);
    const values: Record<string, string | undefined> = {
      vm: subject.vm?.name,
      snapshot: subject.snapshot,
      user: subject.user,
    };
    const description = text.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '<UNKNOWN>');
    this.add({
      code,
      severity,
      time,
      description,
      correlationId: subject.correlationId,
      vmId: subject.vm?.id,
      vmName: subject.vm?.name,
      lost: subject.lost ?? false,
    });
  }

  /** Adds an event as it is. */
  add(event: Omit<EngineEvent, 'id'>): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.all.push({ ...event, id });
    if (this.all.length > rememberedEvents) this.all.shift();
    return id;
  }

  /** What can be found, newest first. */
  visible(): EngineEvent[] {
    return this.all.filter(({ lost }) => !lost).reverse();
  }
}
