import type { Snapshot, VmConfiguration } from './state.ts';

/**
 * The OVF that an engine keeps with a snapshot: settings, disks, and the initialization block with everything that
 * cloud-init is given, passwords and keys too.
 */
export function ovfOf(snapshot: Snapshot, configuration: VmConfiguration): string {
  const disks = snapshot.disks.map(
    ({ diskId, imageId, alias, provisionedSize }) =>
      `<Disk ovf:diskId="${imageId}" ovf:fileRef="${diskId}/${imageId}" ovf:size="${provisionedSize}" ` +
      `ovf:disk-alias="${escapeXml(alias)}"/>`,
  );
  const { initialization } = configuration;
  const block =
    initialization === undefined
      ? ''
      : `<VmInit ovf:hostname="${escapeXml(initialization.hostName ?? '')}" ` +
        `ovf:authorizedKeys="${escapeXml(initialization.authorizedKeys ?? '')}" ` +
        `ovf:rootPassword="${escapeXml(initialization.rootPassword ?? '')}">` +
        `${escapeXml(initialization.customScript ?? '')}</VmInit>`;
  return (
    '<?xml version="1.0" encoding="UTF-8"?>' +
    '<ovf:Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1/" ovf:version="4.4.0.0">' +
    `<Section xsi:type="ovf:DiskSection_Type" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">${disks.join('')}</Section>` +
    `<Content ovf:id="out"><Name>${escapeXml(configuration.name)}</Name>` +
    `<Description>${escapeXml(configuration.description)}</Description>${block}` +
    `<MemorySizeMb>${Math.floor(configuration.memoryBytes / 1024 ** 2)}</MemorySizeMb>` +
    `<num_of_sockets>${configuration.sockets}</num_of_sockets><num_of_cores>${configuration.cores}</num_of_cores>` +
    '</Content></ovf:Envelope>'
  );
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
