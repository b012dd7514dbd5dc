/** What the tests use of playwright-core. Its own types want those of a browser's globals everywhere. */
export interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

export interface Page {
  readonly keyboard: { press(key: string): Promise<void> };
  goto(url: string): Promise<unknown>;
  on(event: 'console', listener: (message: ConsoleMessage) => void): unknown;
  on(event: 'pageerror', listener: (error: Error) => void): unknown;
  locator(selector: string): Locator;
  getByLabel(text: string): Locator;
  getByRole(role: string, options: { name: string }): Locator;
  emulateMedia(media: { colorScheme: 'light' | 'dark' }): Promise<void>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  setContent(html: string): Promise<void>;
  screenshot(options: { path: string; fullPage: boolean }): Promise<unknown>;
  /** Runs an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
}

export interface ConsoleMessage {
  type(): string;
  text(): string;
}

export interface Locator {
  fill(text: string): Promise<void>;
  click(): Promise<void>;
  count(): Promise<number>;
  innerText(): Promise<string>;
}

/** Debian's Chromium; without these flags it looks for its maker's hosts at every start. */
const options = {
  executablePath: '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

interface Playwright {
  readonly chromium: { launch(launchOptions: typeof options): Promise<Browser> };
}

/** A browser of its own, with an empty profile. */
export async function launchBrowser(): Promise<Browser> {
  const name: string = 'playwright-core';
  const { chromium } = (await import(name)) as Playwright; // see above
  return chromium.launch(options);
}
