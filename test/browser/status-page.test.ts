import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatAddress } from '../../src/base/address.ts';
import { launchBrowser } from '../support/browser.ts';
import type { Browser, Page } from '../support/browser.ts';
import { startReplica } from '../support/replica.ts';
import type { TestReplica } from '../support/replica.ts';
import { addressRecord, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { waitFor } from '../support/wait-for.ts';

const patienceMs = 30_000;

let upstream: ScriptedUpstream;
let replica: TestReplica;
let browser: Browser;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  upstream = await ScriptedUpstream.start({
    script: ({ name }) => ({ answers: [addressRecord(name, '192.0.2.1', 300)] }),
  });
  replica = await startReplica({ upstreams: [upstream.text] });
  for (const name of ['a.example', 'b.example', 'a.example', 'a.example']) {
    await replica.ask({ name });
  }
  browser = await launchBrowser();
  page = await browser.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url());
}, patienceMs);
afterAll(async () => {
  await browser.close();
  await Promise.all([replica.stop(), upstream.stop()]);
}, patienceMs);

function url(): string {
  const { httpAddress } = replica.replica;
  return `http://${httpAddress === undefined ? '' : formatAddress(httpAddress)}/`;
}

async function textOf(selector: string): Promise<string> {
  return page.locator(selector).innerText();
}

describe('the status page in a browser', () => {
  test('shows queries, layers, latencies and upstreams as the metrics have them', async () => {
    await waitFor('figures', async () => (await textOf('#tiles')).includes('4'));
    expect(await textOf('#state')).toBe('ready');
    expect(await textOf('#layers')).toMatch(/memory of this replica\s+2/);
    expect(await textOf('#layers')).toMatch(/upstream\s+2/);
    expect(await textOf('#latency')).toContain('≤');
    expect(await textOf('#histogram')).toMatch(/(≤\s.+|longer)\s+\d\s+\d/);
    expect(await textOf('#upstreams')).toContain(upstream.text);
    expect(await textOf('#upstreams')).toContain('up');
    expect(await textOf('#grid')).toContain('No grid is configured');
    expect(await textOf('#results')).toMatch(/NOERROR\s+4/);
  });

  test('shows what is asked for most', async () => {
    await waitFor('names', async () => (await textOf('#names')).includes('a.example.'));
  });

  test('explains where an answer came from, and forgets it', async () => {
    await page.getByLabel('Name').fill('new.example');
    await page.getByRole('button', { name: 'Look up' }).click();
    await waitFor('an answer', async () => (await textOf('#answer')).includes('192.0.2.1'));
    expect(await textOf('#answer')).toMatch(/NOERROR from upstream \(.*\) in/);
    await page.getByRole('button', { name: 'Look up' }).click();
    await waitFor('a hit', async () =>
      (await textOf('#answer')).includes('memory of this replica'),
    );
    await page.getByRole('button', { name: 'Forget this name' }).click();
    await waitFor('the end', async () => (await textOf('#answer')).includes('forgotten here: 1'));
    await page.getByLabel('Type').fill('NOSUCHTYPE');
    await page.getByRole('button', { name: 'Look up' }).click();
    await waitFor('a refusal', async () =>
      (await textOf('#answer')).includes('must be a record type'),
    );
    complaints.length = 0; // the browser tells of the refusal as well
  });

  test('a name that looks like markup stays text', async () => {
    await page.getByLabel('Name').fill('<img/src=x>.example');
    await page.getByLabel('Type').fill('A');
    await page.getByRole('button', { name: 'Look up' }).click();
    await waitFor('an answer', async () => (await textOf('#answer')).includes('192.0.2.1'));
    expect(await page.locator('main img').count()).toBe(0);
  });

  test('can be used by keyboard and by a screen reader', async () => {
    await page.goto(url());
    await page.keyboard.press('Tab');
    expect(await page.locator(':focus').innerText()).toBe('Skip to the figures');
    const unnamed = await page.evaluate<string[]>(`
      [...document.querySelectorAll('input, button, svg, section')]
        .filter((one) => !one.labels?.length && !one.hasAttribute('aria-labelledby'))
        .filter((one) => one.tagName !== 'BUTTON' || one.textContent === '')
        .map((one) => one.outerHTML)
    `);
    expect(unnamed).toEqual([]);
    expect(await page.locator('h1').count()).toBe(1);
    expect(await page.locator('[aria-live]').count()).toBeGreaterThan(0);
  });

  test('is readable by day and by night, on a wide screen and on a narrow one', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const [ink = '', paper = ''] = await page.evaluate<string[]>(`
        ['color', 'backgroundColor'].map((name) => getComputedStyle(document.body)[name])
      `);
      expect(contrast(ink, paper)).toBeGreaterThan(7); // WCAG 2.2, 1.4.6
    }
    await page.setViewportSize({ width: 360, height: 800 });
    const width = await page.evaluate<number>('document.documentElement.scrollWidth');
    expect(width).toBeLessThanOrEqual(360);
  });

  test('the browser had nothing to complain about', () => {
    expect(complaints).toEqual([]);
  });
});

/** Contrast of two colours as WCAG 2.2 defines it; each as `rgb(r, g, b)`. */
function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [...colour.matchAll(/\d+/g)].map(([text]) => {
    const part = Number(text) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
