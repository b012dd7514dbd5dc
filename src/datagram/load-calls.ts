import { describeError } from '../base/errors.ts';
import { callNumbers } from './kernel-layout.ts';
import { bindCalls } from './system-calls.ts';
import type { ForeignFunctions, LoadedCalls } from './system-calls.ts';

/** Where the calls would be bound. */
export interface Machine {
  readonly platform: string;
  readonly architecture: string;
}

const thisMachine: Machine = { platform: process.platform, architecture: process.arch };

/** Loads the library for foreign functions and binds the system's calls. Never rejects. */
export async function loadCalls(machine = thisMachine): Promise<LoadedCalls> {
  const { platform, architecture } = machine;
  const numbers = Object.hasOwn(callNumbers, architecture) ? callNumbers[architecture] : undefined;
  if (platform !== 'linux' || numbers === undefined) {
    const reason = `it needs Linux on x64 or arm64, and this is ${platform} on ${architecture}`;
    return { kind: 'unavailable', reason };
  }
  try {
    const { default: library } = await import('koffi');
    // Its typings say that a poll's callback is given the events; the code gives the status first.
    const foreign = library as unknown as ForeignFunctions;
    return { kind: 'available', calls: bindCalls(foreign, numbers) };
  } catch (error) {
    return { kind: 'unavailable', reason: `koffi cannot be loaded: ${describeError(error)}` };
  }
}
