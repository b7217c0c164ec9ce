import { describe, expect, test } from 'vitest';
import type { VMProviderSpec } from '../../api/v1alpha1/vm-provider.ts';
import { Budgets } from '../../providers/budget.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { planConnection } from './connect.ts';

const user = { usernameKey: 'admin@internal', passwordKey: 'secret' };
const values = Object.fromEntries(
  ['spec.ovirt.auth.oauth', 'spec.spf.auth.basic'].flatMap((field) =>
    Object.entries(user).map(([key, value]) => [`${field}.secretRef.${key}`, value]),
  ),
);
const id = '97fd50f3-1dc0-41b6-a7c0-2b4ff4c3f7e3';
const vendors: Record<string, VMProviderSpec> = {
  azure: { azure: { subscriptionID: id, tenantID: id, auth: { workloadIdentity: { clientID: id } } } },
  ovirt: {
    ovirt: { url: 'https://engine.example/ovirt-engine', auth: { oauth: { secretRef: { name: 'engine' } } } },
  },
  spf: {
    spf: {
      url: 'https://spf.example:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc',
      principalID: 'user@contoso.com',
      auth: { basic: { secretRef: { name: 'spf' } } },
    },
  },
};

function connect(spec: VMProviderSpec) {
  const plan = planConnection(spec, values);
  const { budget } = new Budgets(systemClock).lease(plan.endpointID, plan.limits);
  return plan.connect({
    budget,
    monotonic: systemClock.monotonic,
    log: silentLogger,
    settleMs: undefined,
    onRequest: undefined,
  });
}

describe('how long one request may take', () => {
  test.each([
    ['azure', 30_000],
    ['ovirt', 30_000],
    // Some of its calls may wait until VMM is done (SPF sheet, section 4).
    ['spf', 120_000],
  ])('where the provider does not say: %s', async (vendor, expected) => {
    const provider = connect(vendors[vendor] ?? {});
    expect([provider.vendor, provider.requestTimeoutMs]).toEqual([vendor, expected]);
    await provider.close();
  });

  test('is what the provider says, else', async () => {
    const provider = connect({ ...vendors.spf, limits: { requestTimeout: '45s' } });
    expect(provider.requestTimeoutMs).toBe(45_000);
    await provider.close();
  });
});
