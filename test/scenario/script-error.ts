/** Something in a script is wrong, or did not come as the script expects; says where. */
export class ScriptError extends Error {
  constructor(file: string, line: number, message: string) {
    super(`${file}:${String(line)}: ${message}`);
    this.name = 'ScriptError';
  }
}
