#!/usr/bin/env node
/** What kubectl asks to complete `kubectl keyframe`, as kubectl_complete-keyframe on the PATH. */
import { runProcess } from './process.ts';

await runProcess(['__complete', ...process.argv.slice(2)]);
