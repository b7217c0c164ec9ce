import { describe, expect, test } from 'vitest';
import type { VMProviderSpec } from '../../api/v1alpha1/vm-provider.ts';
import { Budgets } from '../../providers/budget.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLogger } from '../../runtime/log.ts';
import { planConnection } from './connect.ts';
import { judgeProbe } from './decide.ts';

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

function connect(spec: VMProviderSpec, secrets: Record<string, string> = values) {
  const plan = planConnection(spec, secrets);
  const { budget } = new Budgets(systemClock).lease(plan.endpointID, plan.limits);
  return plan.connect({
    budget,
    monotonic: systemClock.monotonic,
    log: silentLogger,
    settleMs: undefined,
    onRequest: undefined,
  });
}

describe('negotiate', () => {
  /** An optional peer: the image has none. */
  const hasPackage = (() => {
    try {
      import.meta.resolve('kerberos');
      return true;
    } catch {
      return false;
    }
  })();

  test('without the package kerberos is refused with what is missing, and nothing is sent', async () => {
    const secretRef = { name: 'spf' };
    const spf = { ...vendors.spf?.spf, auth: { negotiate: { secretRef } } };
    const field = 'spec.spf.auth.negotiate.secretRef';
    const provider = connect({ spf } as VMProviderSpec, {
      [`${field}.principalKey`]: 'keyframe@NO.SUCH.REALM',
      [`${field}.keytabKey`]: Buffer.from([5, 2, 0, 0]).toString('base64'),
    });
    const outcome = await provider.probe({ signal: new AbortController().signal, priority: 'Poll' });
    await provider.close();
    const { verdict } = judgeProbe(outcome);
    if (!hasPackage) expect(verdict.reason).toBe('UnsupportedByProvider');
    expect(verdict.message).toMatch(
      hasPackage
        ? /Kerberos|kerberos/
        : /spec\.spf\.auth\.negotiate needs the npm package kerberos.*or authenticate by ntlm or basic/,
    );
  });
});

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
