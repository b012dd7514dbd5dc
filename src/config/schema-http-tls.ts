import { certificateSchema } from './schema-encrypted.ts';

/** TLS of the HTTP port. */
export const httpTlsSchema = certificateSchema.extend({
  file: certificateSchema.shape.file.meta({
    description:
      'Certificate for the HTTP port, with those that lead to its root; with one the port speaks TLS alone.',
    'x-allowed': 'the path of a PEM file',
  }),
});
