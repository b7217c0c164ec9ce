import { createHmac, randomBytes } from 'node:crypto';
import type { WireResponse } from '../common/http-server.ts';
import { skipToken } from './contract.ts';
import { contractError } from './errors.ts';
import { json } from './operations.ts';
import type { ArmRequest } from './requests.ts';
import type { World } from './state.ts';

const secret = randomBytes(32);

/**
 * One page of a list, with an absolute `nextLink` when there is more.
 *
 * @throws ArmError 400 for a token that did not come from here
 */
export function page<Item>(
  world: World,
  request: ArmRequest,
  items: readonly Item[],
  answer: (item: Item) => unknown,
): WireResponse {
  const offset = offsetOf(request);
  const end = offset + world.behaviour.pageSize;
  const value = items.slice(offset, end).map(answer);
  if (end >= items.length) return json(200, { value });
  const query = new URLSearchParams(request.wire.query);
  query.set(skipToken, `${end}.${signature(request, end)}`);
  return json(200, {
    value,
    nextLink: `${world.operations.baseUrl}${request.wire.path}?${query.toString()}`,
  });
}

function offsetOf(request: ArmRequest): number {
  const token = request.wire.query.get(skipToken);
  if (token === null) return 0;
  const [offset = '', signed] = token.split('.');
  if (signed === signature(request, Number(offset))) return Number(offset);
  throw contractError(400, 'InvalidParameter', `The skip token '${token}' is invalid.`, skipToken);
}

function signature(request: ArmRequest, offset: number): string {
  return createHmac('sha256', secret).update(`${request.wire.path} ${offset}`).digest('base64url');
}
