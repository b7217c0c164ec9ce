import { Agent, request } from 'undici';
import type { Cluster } from '../../controlplane/cluster.ts';

/** An answer of the API server as it came, also one that refuses. */
export interface Answer {
  status: number;
  body: unknown;
}

/** Sends requests as administrator, with any `accept`, and gives refusals as answers, with all that they hold. */
export class ApiRequests {
  readonly #cluster: Cluster;
  readonly #agent: Agent;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#agent = new Agent({ connect: { ca: cluster.ca, ...cluster.handle.clientCertificate } });
  }

  async send(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    { body, accept = 'application/json' }: { body?: object; accept?: string } = {},
  ): Promise<Answer> {
    const { adminToken, url } = this.#cluster;
    const answer = await request(`${url}${path}`, {
      dispatcher: this.#agent,
      method,
      headers: {
        accept,
        'content-type': 'application/json',
        ...(adminToken === '' ? {} : { authorization: `Bearer ${adminToken}` }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return { status: answer.statusCode, body: await answer.body.json() };
  }

  /** Closes the connections. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
