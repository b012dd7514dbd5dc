import { z } from 'zod';
import { flag } from './values.ts';

const digits = '32 hexadecimal digits';
const secret = z
  .string()
  .regex(/^[0-9a-fA-F]{32}$/)
  .meta({ 'x-allowed': digits });

/** Server cookies (RFC 7873, RFC 9018). */
export const cookiesSchema = z.strictObject({
  enabled: flag(
    'Give clients that send a cookie one to come back with: who shows it is no forgery, and is limited less (RFC 7873).',
    true,
  ),
  secrets: z.array(secret).prefault([]).meta({
    description:
      'Secrets of 128 bits, as other servers behind the same address have them (RFC 9018): the first signs, all are accepted. None: made by chance, changed every day, and the same at all replicas of a grid. A secret.',
  }),
  secretFile: z.string().min(1).exactOptional().meta({
    description: 'File that holds them, one a line, instead of `listen.cookies.secrets`.',
    'x-allowed': 'the path of a readable file',
  }),
});
