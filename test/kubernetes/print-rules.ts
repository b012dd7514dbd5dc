/** `npm run --silent rules`: the rules as a Prometheus without the operator reads them. */
import { stringify } from 'yaml';
import { ruleFile } from './monitoring.ts';

process.stdout.write(stringify(ruleFile()));
