import { splitURL } from '../http.ts';

/**
 * Where an engine is: `https://host[:port]/ovirt-engine`, or with a path before it behind a proxy; without a slash at
 * its end. The API lies below it at `/api`, the single sign-on at `/sso` (oVirt sheet, sections 1 and 3).
 *
 * @throws TypeError when it is no https address that ends so
 */
export function engineAddress(url: string): { origin: string; path: string } {
  const address = splitURL(url);
  const path = address?.target.replace(/\/+$/, '') ?? '';
  if (address === undefined || !address.origin.startsWith('https://') || !pathForm.test(path)) {
    throw new TypeError(`url must be https://host[:port]/ovirt-engine, without user and query, not ${url}`);
  }
  return { origin: address.origin, path };
}

const pathForm = /^(\/[\w.~-]+)*\/ovirt-engine$/;

/** The id of an endpoint: `ovirt:<host[:port]>/<path>`, lower case. Throws a TypeError as `engineAddress` does. */
export function endpointIDOf(endpoint: { url: string }): string {
  const { origin, path } = engineAddress(endpoint.url);
  return `ovirt:${origin.slice('https://'.length)}${path}`.toLowerCase();
}
