import { aliases } from './environment-layer.ts';
import {
  allowedAt,
  configJsonSchema,
  needsRestart,
  type Option,
  options,
  schemaAt,
} from './options.ts';

/** `docs/config.schema.json`, in the layout that the formatter of the project leaves alone. */
export function schemaText(): string {
  const text = JSON.stringify(configJsonSchema(), undefined, 2);
  const scalarLists = /\[\n\s+([^[\]{}]*?)\n\s+\]/g;
  return `${text.replace(scalarLists, (_, items: string) => `[${items.replace(/\n\s+/g, ' ')}]`)}\n`;
}

const introduction = `# Configuration

This page is printed by \`heimdall config schema --format markdown\`; a test holds it equal to the schema.

Values come from four places, each of which wins over those before it:

1. the defaults below;
2. one YAML file, named by \`--config\` or \`HEIMDALL_CONFIG\`;
3. environment variables; an empty variable counts as none;
4. flags: \`--listen\`, \`--http\`, \`--upstream\`, \`--log-level\`, and \`--set cache.maxBytes=128MiB\` for every option.

In variables and flags, lists are separated by commas, and \`routes\` is YAML or JSON in one line:
\`[{"suffix": "corp.example", "servers": ["10.0.0.53"]}]\`. A list replaces the list below it.

\`heimdall config check\` names every mistake with its file, line and path, and the nearest known key.
\`heimdall config show\` prints what is in effect and where each value came from.
An unknown variable that begins with \`HEIMDALL_\` is a warning; an unknown key in the file is an error.

The file is looked at every two seconds (\`reload.watch\`), and read again on SIGHUP. A file that does not pass
the check changes nothing. Options marked *restart* take effect when the process starts again.

Editors complete and check a file that begins with
\`# yaml-language-server: $schema=config.schema.json\` and the path to that file in this folder.

\`\`\`yaml
listen:
  addresses: ["0.0.0.0:1053", "[::]:1053"]
upstream:
  servers: [9.9.9.9, 149.112.112.112, "tcp://1.1.1.1"]
routes:
  - suffix: corp.example
    servers: [10.0.0.53]
cache:
  maxBytes: 128MiB
\`\`\`
`;

/** The whole of docs/configuration.md. */
export function referenceMarkdown(): string {
  const sections = [...new Set(options.map((option) => option.path.split('.')[0] ?? ''))];
  return [introduction, ...sections.map(sectionTable), routeTable(), aliasTable()].join('\n');
}

const head = `| Option | Default | Allowed | Meaning |
|---|---|---|---|
`;

function sectionTable(section: string): string {
  const rows = options
    .filter((option) => option.path === section || option.path.startsWith(`${section}.`))
    .map(optionRow);
  return `## ${section}\n\n${head}${rows.join('')}`;
}

function optionRow(option: Option): string {
  const { path, variable, fallback } = option;
  const isDefault = fallback === undefined ? 'none' : `\`${JSON.stringify(fallback)}\``;
  const restart = needsRestart(path) ? ' *(restart)*' : '';
  const what = `${option.description}${restart}`;
  return row([`\`${path}\`<br>\`${variable}\``, isDefault, option.allowed, what]);
}

/** A bar in a cell would end it. */
function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
}

function routeTable(): string {
  const fields = Object.entries(schemaAt(['routes', 0])?.properties ?? {});
  const rows = fields.map(([key, node]) =>
    row([`\`${key}\``, 'none', allowedAt(node), node.description ?? '']),
  );
  return `Each route:\n\n${head}${rows.join('')}`;
}

function aliasTable(): string {
  const rows = aliases.map(({ variable, path, translate }) =>
    row([`\`${variable}\``, `\`${path}\`${translate === undefined ? '' : ' (translated)'}`]),
  );
  return `## Names of the Rust Heimdall

These variables keep their meaning; \`HEIMDALL_UPSTREAM_SERVERS\` is the same name in both. An option's own variable wins.
\`HEIMDALL_HTTP_BIND_ADDR\` may also be \`disabled\`; \`HEIMDALL_CACHE_SAVE_INTERVAL\` is in seconds.

| Variable | Option |
|---|---|
${rows.join('')}`;
}
