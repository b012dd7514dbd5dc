import { ScriptError } from './script-error.ts';

/** A statement: a line that begins at the margin, with the indented lines below it. */
export interface Lines {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly words: readonly string[];
  readonly block: readonly BlockLine[];
}

/** An indented line, as it is and without its comment in words. */
export interface BlockLine {
  readonly line: number;
  readonly text: string;
  readonly words: readonly string[];
}

/** The statements of a script; empty lines and comments are left out. */
export function readLines(file: string, text: string): Lines[] {
  const statements: (Omit<Lines, 'block'> & { block: BlockLine[] })[] = [];
  text.split('\n').forEach((whole, index) => {
    const line = index + 1;
    const words = wordsOf(whole);
    if (words.length === 0) return;
    if (!/^\s/.test(whole)) {
      statements.push({ file, line, words, block: [] });
      return;
    }
    const above = statements.at(-1);
    if (above === undefined) throw new ScriptError(file, line, 'nothing stands above this line');
    above.block.push({ line, text: whole, words });
  });
  return statements;
}

/** The comment at the top, as the title of the script. */
export function titleOf(text: string): string {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (!line.startsWith('#')) break;
    lines.push(line.slice(1).trim());
  }
  return lines.join(' ');
}

/** Words in double quotes are one, and keep their quotes. A word that begins with # ends the line. */
function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const word of line.match(/"[^"]*"|\S+/g) ?? []) {
    if (word.startsWith('#')) break;
    words.push(word);
  }
  return words;
}
