import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { describeError, ListRefused } from '../base/errors.ts';
import { ListParser } from './list-parser.ts';
import type { LineParser, ListFormat, RuleSink } from './list-parser.ts';
import { exceptionShift, NameTable } from './name-table.ts';
import { RuleActions } from './rule-actions.ts';
import { ZoneParser } from './zone-parser.ts';

/** One list as it is configured. */
export interface ListSource {
  readonly name: string;
  /** Files, in the order given; all of them make the list. */
  readonly files: readonly string[];
  readonly format: ListFormat;
}

/** What became of a list. */
export interface ListReport {
  readonly name: string;
  /** Rules that were taken over. */
  readonly rules: number;
  /** Lines without a rule that a resolver can follow. */
  readonly skipped: number;
  /** Why it could not be read to its end. */
  readonly error?: ListRefused;
}

/** The rules of all lists. */
export interface LoadedLists {
  readonly table: NameTable;
  readonly actions: RuleActions;
}

export interface ListBounds {
  /** Rules of all lists together. */
  readonly rulesMax: number;
  /** Octets of one file. */
  readonly fileBytesMax: number;
}

/** Read and parsed at a time: about a millisecond, between which answers go out. */
const chunkBytes = 32 * 1024;
/** A line that has not ended by then is no rule. */
const lineLengthMax = 4096;

/** Octets of a line with a name, rather too few: what is too large at first costs less than growing. */
const lineBytes = 20;

/** About how many names the files hold. */
async function namesExpected(sources: readonly ListSource[]): Promise<number> {
  let bytes = 0;
  for (const path of sources.flatMap(({ files }) => files)) {
    try {
      bytes += (await stat(path)).size;
    } catch {
      // that it cannot be read is told when it is read
    }
  }
  return bytes / lineBytes;
}

/**
 * Reads all lists into a new table, in pieces between which everything else goes on. A file that
 * cannot be read or is too large ends its list, too many rules end all: the reports say so.
 */
export async function loadLists(
  sources: readonly ListSource[],
  bounds: ListBounds,
  seed: number,
): Promise<LoadedLists & { readonly reports: readonly ListReport[] }> {
  const expected = Math.min(bounds.rulesMax, await namesExpected(sources));
  const lists = { table: new NameTable(seed, expected), actions: new RuleActions() };
  const reports: ListReport[] = [];
  for (const [index, source] of sources.entries()) {
    reports.push(await loadList(source, index, lists, bounds));
  }
  return { ...lists, reports };
}

/**
 * The rules of one list, which is read without being kept.
 * @throws {ListRefused} when it cannot be read, or is too large
 */
export async function countRules(
  { files, format }: ListSource,
  { fileBytesMax }: Pick<ListBounds, 'fileBytesMax'>,
): Promise<number> {
  let rules = 0;
  const parser = parserOf(format, {
    rule: () => rules++,
    effect: () => undefined,
    skipped: () => undefined,
  });
  for (const path of files) await readLines(path, fileBytesMax, parser);
  return rules;
}

async function loadList(
  { name, files, format }: ListSource,
  index: number,
  { table, actions }: LoadedLists,
  bounds: ListBounds,
): Promise<ListReport> {
  const counts = { rules: 0, skipped: 0 };
  const parser = parserOf(format, {
    rule: (octets, scope, isException) => {
      if (table.size >= bounds.rulesMax) {
        throw new ListRefused(
          `list ${name}: all lists have more than ${String(bounds.rulesMax)} rules`,
        );
      }
      table.add(octets, 1 << (isException ? index + exceptionShift : index), scope);
      counts.rules++;
    },
    effect: (octets, scope, effect) => actions.add(index, scope, octets, effect),
    skipped: () => counts.skipped++,
  });
  try {
    for (const path of files) await readLines(path, bounds.fileBytesMax, parser);
    return { name, ...counts };
  } catch (error) {
    if (error instanceof ListRefused) return { name, ...counts, error };
    throw error;
  }
}

function parserOf(format: ListFormat, sink: RuleSink): LineParser {
  return format === 'rpz' ? new ZoneParser(sink) : new ListParser(format, sink);
}

async function readLines(path: string, fileBytesMax: number, parser: LineParser): Promise<void> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const { size } = await file.stat();
    if (size > fileBytesMax) {
      throw new ListRefused(
        `${path} has ${String(size)} octets, allowed are ${String(fileBytesMax)}`,
      );
    }
    await parseLines(file, parser);
  } catch (error) {
    if (error instanceof ListRefused) throw error;
    throw new ListRefused(`${path} cannot be read: ${describeError(error)}`, { cause: error });
  } finally {
    await file?.close();
  }
}

async function parseLines(file: FileHandle, parser: LineParser): Promise<void> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  const decoder = new StringDecoder('utf8');
  let begun = '';
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunkBytes);
    const text = bytesRead === 0 ? decoder.end() : decoder.write(chunk.subarray(0, bytesRead));
    const lines = (begun + text).split('\n');
    begun = bytesRead === 0 ? '' : (lines.pop() ?? '').slice(0, lineLengthMax);
    for (const line of lines) parser.line(line);
    if (bytesRead === 0) return;
  }
}
