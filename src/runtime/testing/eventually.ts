/** Waits until `fact` is true, looking each few milliseconds; throws with the description after `limitMs`. */
export async function eventually(what: string, fact: () => boolean, limitMs = 5_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!fact()) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
