#!/usr/bin/env node
/** The plugin: kubectl keyframe runs it, as kubectl-keyframe on the PATH. */
import { runProcess } from './process.ts';

await runProcess(process.argv.slice(2));
