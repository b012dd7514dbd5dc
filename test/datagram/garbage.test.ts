import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { UdpClient } from '../support/dns-clients.ts';

test('a socket that nobody refers to outlives the garbage collector', async () => {
  const program = fileURLToPath(new URL('collected.ts', import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const client = new UdpClient({ host: '127.0.0.1', port: Number(line.toString()) });
  for (let index = 0; index < 50; index++) {
    expect((await client.ask(Buffer.from([index])))[0]).toBe(index);
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  child.stdin.end();
  await once(child, 'exit');
  await client.close();
});
