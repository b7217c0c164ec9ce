/**
 * Snapshots and copies are made and deleted while Azure fails in many ways and the operator is killed at random
 * instants. Then the faults end, an operator stays, and what is there is counted.
 *
 * The seed is in each test's name. KEYFRAME_CHAOS_SEED repeats a run, KEYFRAME_CHAOS_ROUNDS makes it longer.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../simulators/common/faults.ts';
import { type AnyObject, Stage } from '../support/stage.ts';
import {
  addForeign,
  createdFor,
  expectForeignUntouched,
  expectNoOrphans,
  expectNothingLeft,
  expectOnePointEach,
  type Foreign,
} from './account.ts';
import { AzureScene } from './azure-scene.ts';
import { between, pick, type Random, randomFault } from './random-faults.ts';

// In CI the same every time: there it guards what holds, and elsewhere it looks for what does not.
const chance = process.env.CI === 'true' ? 747_834 : Math.floor(Math.random() * 1_000_000);
const firstSeed = Number(process.env.KEYFRAME_CHAOS_SEED ?? chance);
const rounds = Number(process.env.KEYFRAME_CHAOS_ROUNDS ?? 1);
const seeds = Array.from({ length: rounds }, (_, round) => firstSeed + round);

const vms = 6;
const kills = 4;
/** More than the faults of a round can make fail, were all of them to hit one object. */
const mostAttempts = 10;

let stage: Stage;
let foreign: Foreign;

beforeAll(async () => {
  stage = await Stage.set({
    azure: {
      speed: 100,
      throttling: false,
      durations: { replicationSeconds: 120, replicationRefreshSeconds: 20 },
      seed: firstSeed,
    },
  });
  foreign = addForeign(stage);
});
afterEach(() => stage.azure.faults.clear());
afterAll(() => stage?.[Symbol.asyncDispose]());

/** Makes or deletes something. */
class Actor {
  readonly #scene: AzureScene;
  readonly #random: Random;
  readonly #unmade = Array.from({ length: vms }, (_, index) => index);
  readonly #uncopied: number[] = [];
  readonly made: AnyObject[] = [];
  readonly deleted: AnyObject[] = [];

  constructor(scene: AzureScene, random: Random) {
    this.#scene = scene;
    this.#random = random;
  }

  async act(): Promise<void> {
    const live = this.made.filter((object) => !this.deleted.includes(object));
    const dice = this.#random();
    if (dice < 0.25 && live.length > 2) {
      const object = pick(this.#random, live);
      this.deleted.push(object);
      await this.#scene.remove(object);
    } else if (dice < 0.55 && this.#uncopied.length > 0) {
      this.made.push(await this.#scene.makeCopy(this.#uncopied.shift() ?? 0));
    } else if (this.#unmade.length > 0) {
      const index = this.#unmade.shift() ?? 0;
      this.made.push(await this.#scene.makeSnapshot(index));
      this.#uncopied.push(index);
    }
  }

  /** A copy whose snapshot is deleted before there is anything to copy can never be made: it goes too. */
  async removeHopeless(): Promise<void> {
    const gone = new Set(this.deleted.map(({ kind, metadata }) => `${kind} ${metadata.name}`));
    for (const copy of this.made) {
      const source = `VMSnapshot ${copy.metadata.name?.replace('copy', 'snapshot')}`;
      if (copy.kind !== 'RestorePointCopy' || this.deleted.includes(copy) || !gone.has(source)) continue;
      this.deleted.push(copy);
      await this.#scene.remove(copy);
    }
  }
}

/**
 * Plays a round.
 *
 * @param beside another operator that is never killed is at work on the same objects
 */
async function play(seed: number, beside: boolean): Promise<void> {
  const random = seededRandom(seed);
  await using scene = await AzureScene.set(stage, vms);
  const actor = new Actor(scene, random);
  for (let index = 0; index < 3; index++) await actor.act();
  if (beside) await scene.operator();
  for (let count = 0; count < kills; count++) {
    for (let index = between(random, 1, 3); index > 0; index--) stage.azure.faults.add(randomFault(random));
    const operator = await scene.operator();
    const instant = between(random, 20, 2_500);
    await delay(instant / 2);
    await actor.act();
    await actor.act();
    await delay(instant / 2);
    await operator.kill();
  }
  stage.azure.faults.clear();
  await actor.removeHopeless();
  await scene.operator();
  expectOnePointEach(stage, await scene.allReady(60_000), mostAttempts);
  expectNothingLeft(stage, actor.deleted);
  const asked = actor.made.filter(({ metadata }) => createdFor(stage, metadata.uid ?? '') > 0);
  expect(asked.length, 'objects for which something was made').toBeGreaterThan(0);
  await expectNoOrphans(stage);

  await scene.removeObjects();
  await scene.allGone();
  expectNothingLeft(stage, actor.made);
  await expectNoOrphans(stage);
  expectForeignUntouched(stage, foreign);
}

describe('killed at random instants, while Azure fails at random', () => {
  it.each(seeds)('makes everything once and leaves nothing behind (seed %i)', (seed) => play(seed, false));

  it.each(seeds)('does so beside another one that also believes to lead (seed %i)', (seed) =>
    play(seed, true),
  );
});
