import { one } from './answers.ts';
import { leaf, link, object } from './document.ts';
import type { EngineAnswer, EngineRequest } from './requests.ts';
import type { World } from './state.ts';

/** The API's root, by which releases are told apart. */
export function getRoot(world: World, request: EngineRequest): EngineAnswer {
  const { major, minor, build, revision, full } = world.version;
  const version =
    request.api === 4
      ? object('version', {}, [
          leaf('build', build),
          leaf('full_version', full),
          leaf('major', major),
          leaf('minor', minor),
          leaf('revision', revision),
        ])
      : object('version', {
          major: String(major),
          minor: String(minor),
          build: String(build),
          revision: String(revision),
          full_version: full,
        });
  const rels = ['clusters', 'disks', 'events', 'jobs', 'storagedomains', 'vms'];
  const vms = [...world.vms.values()];
  const summary = [
    object('vms', {}, [
      leaf('active', vms.filter(({ status }) => status === 'up').length),
      leaf('total', vms.length),
    ]),
  ];
  return one(
    object('api', {}, [
      ...rels.map((rel) => link(rel, `${request.base}/${rel}`)),
      object('product_info', {}, [
        request.api === 4 ? leaf('instance_id', world.instanceId) : undefined,
        leaf('name', 'oVirt Engine'),
        leaf('vendor', 'ovirt.org'),
        version,
      ]),
      object('summary', {}, summary),
      leaf('time', new Date(world.clock.now())),
    ]),
  );
}
