"""oVirt's own Python SDK against the simulated engine.

What the SDK cannot do with it, the simulator does wrong. Started by main.ts, which gives the engine's address and
credentials as JSON on the standard input, and looks at the simulator's contract violations afterwards.
"""

import json
import sys
import time

import ovirtsdk4 as sdk
from ovirtsdk4 import types

DEADLINE_SECONDS = 30


def wait_for(read, wanted):
    """Polls until `wanted` holds of what `read` gives, and gives that."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        value = read()
        if wanted(value):
            return value
        if time.monotonic() > end:
            raise AssertionError(f"Not reached within {DEADLINE_SECONDS} s; the last value is {value!r}")
        time.sleep(0.02)


def expect(value, wanted):
    if value != wanted:
        raise AssertionError(f"Expected {wanted!r}, got {value!r}")


def expect_refusal(call, kind, code):
    try:
        call()
    except kind as error:
        expect(error.code, code)
        return error
    raise AssertionError(f"Expected {kind.__name__}, and nothing was refused")


def is_ready(snapshot):
    regular = snapshot.snapshot_type == types.SnapshotType.REGULAR
    return regular and snapshot.snapshot_status == types.SnapshotStatus.OK


def take(snapshots, correlation_id, **fields):
    created = snapshots.add(
        types.Snapshot(persist_memorystate=False, **fields), headers={"Correlation-Id": correlation_id}
    )
    expect(created.snapshot_status, types.SnapshotStatus.LOCKED)
    service = snapshots.snapshot_service(created.id)
    wait_for(service.get, is_ready)
    return created.id, service


def retry_busy(call):
    """The engine's lock outlives the status for a moment: 409 means once more."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            return call()
        except sdk.Error as error:
            if error.code != 409 or time.monotonic() > end:
                raise
            time.sleep(0.02)


def is_gone(service):
    try:
        service.get()
        return False
    except sdk.NotFoundError:
        return True


def main():
    engine = json.load(sys.stdin)
    expect_refusal(
        lambda: sdk.Connection(
            url=engine["url"], username=engine["username"], password="wrong", ca_file=engine["caFile"]
        ).authenticate(),
        sdk.AuthError,
        None,
    )
    connection = sdk.Connection(
        url=engine["url"], username=engine["username"], password=engine["password"], ca_file=engine["caFile"]
    )
    system = connection.system_service()
    version = system.get().product_info.version
    expect(f"{version.major}.{version.minor}.{version.build}", engine["version"])
    searches_jobs = (version.major, version.minor) >= (4, 2)

    [vm] = system.vms_service().list(search='name="web server"')
    expect((vm.id, vm.status, vm.memory), (engine["vmId"], types.VmStatus.UP, 1024**3))
    vm_service = system.vms_service().vm_service(vm.id)
    snapshots = vm_service.snapshots_service()
    [active] = snapshots.list()
    expect(active.snapshot_type, types.SnapshotType.ACTIVE)
    attachments = vm_service.disk_attachments_service().list()
    expect([attachment.disk.id for attachment in attachments], engine["diskIds"])
    disk = system.disks_service().disk_service(attachments[0].disk.id).get()
    expect((disk.status, disk.storage_type), (types.DiskStatus.OK, types.DiskStorageType.IMAGE))

    # All disks; then one of them.
    first_id, first = take(snapshots, "first", description="first")
    expect(first_id, active.id)
    expect(len(snapshots.list()), 2)
    [one] = [each for each in snapshots.list(all_content=True) if each.id == first_id]
    expect(one.initialization.configuration.type, types.ConfigurationType.OVF)
    expect(one.vm.name, "web server")
    disks = first.disks_service().list()
    expect([each.id for each in disks], engine["diskIds"])
    part = [types.DiskAttachment(disk=types.Disk(id=engine["diskIds"][1]))]
    second_id, second = retry_busy(
        lambda: take(snapshots, "second", description="second", disk_attachments=part)
    )
    expect([each.id for each in second.disks_service().list()], engine["diskIds"][1:])

    events = system.events_service().list(search="correlation_id=second")
    expect([event.code for event in events], [68, 45])
    expect(events[0].vm.id, vm.id)
    expect(len(system.events_service().list(from_=int(events[1].id))) >= 1, True)
    if searches_jobs:
        jobs = system.jobs_service().list(search="correlation_id=second")
        expect(types.JobStatus.FINISHED in [job.status for job in jobs], True)
        steps = system.jobs_service().job_service(jobs[0].id).steps_service().list()
        expect(len(steps), 1)

    # What is refused.
    fault = expect_refusal(lambda: first.restore(), sdk.Error, 409).fault
    expect(fault.reason, "Operation Failed")
    expect_refusal(lambda: snapshots.snapshot_service(engine["unknownId"]).get(), sdk.NotFoundError, 404)
    expect_refusal(lambda: snapshots.add(types.Snapshot()), sdk.Error, 400)

    # Freeze and thaw, stop, restore, start.
    vm_service.freeze_filesystems()
    vm_service.thaw_filesystems()
    retry_busy(vm_service.shutdown)
    wait_for(vm_service.get, lambda it: it.status == types.VmStatus.DOWN)
    retry_busy(lambda: first.restore(restore_memory=False))
    wait_for(
        snapshots.list,
        lambda found: [it.snapshot_type for it in found]
        == [types.SnapshotType.REGULAR, types.SnapshotType.ACTIVE],
    )
    wait_for(vm_service.get, lambda it: it.status == types.VmStatus.DOWN)

    # Preview by hand, and back.
    retry_busy(lambda: vm_service.preview_snapshot(snapshot=types.Snapshot(id=first_id), restore_memory=False))
    wait_for(first.get, lambda it: it.snapshot_status == types.SnapshotStatus.IN_PREVIEW)
    expect(sorted(it.snapshot_type.value for it in snapshots.list()), ["active", "preview", "regular"])
    retry_busy(vm_service.undo_snapshot)
    wait_for(first.get, is_ready)

    # A VM from the snapshot.
    copy = retry_busy(
        lambda: system.vms_service().add(
            types.Vm(
                name="copy", cluster=types.Cluster(name="Default"), snapshots=[types.Snapshot(id=first_id)]
            )
        )
    )
    copy_service = system.vms_service().vm_service(copy.id)
    wait_for(copy_service.get, lambda it: it.status == types.VmStatus.DOWN)
    retry_busy(vm_service.start)
    wait_for(vm_service.get, lambda it: it.status == types.VmStatus.UP)

    # Removal.
    retry_busy(first.remove)
    wait_for(lambda: is_gone(first), bool)
    expect([it.snapshot_type for it in snapshots.list()], [types.SnapshotType.ACTIVE])
    domain = engine["storageDomainId"]
    expect(system.storage_domains_service().storage_domain_service(domain).get().id, domain)
    expect(system.storage_domains_service().storage_domain_service(domain).disk_snapshots_service().list(), [])
    connection.close()


main()
