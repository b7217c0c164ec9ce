/**
 * In CI properties are tried with the same values each time: a commit is judged by what it changes. Everywhere else
 * the values are new each time, and a failure prints the seed that shows it again.
 */
import fc from 'fast-check';

if (process.env.CI === 'true') fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 20_261_122 });
