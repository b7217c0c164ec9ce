/** Counts a report of vitest's JSON reporter: prints how many tests passed, and how many failed. */
import { readFileSync } from 'node:fs';

interface Report {
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

const [path = ''] = process.argv.slice(2);
const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report;
const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
const count = (wanted: string): number => tests.filter(({ status }) => status === wanted).length;
// A file that could not be loaded, or whose setup failed, has no failed test to show for it.
const brokenFiles = testResults.filter(
  ({ status, assertionResults }) =>
    status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
).length;
process.stdout.write(`${count('passed')} ${count('failed') + brokenFiles}\n`);
