#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Before anything else is loaded: a second start takes what the first one compiled.
enableCompileCache();
const { runMain } = await import('./run-main.ts');
process.exitCode = await runMain();
