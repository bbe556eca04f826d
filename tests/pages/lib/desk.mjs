// One Chromium for a script, and in it visitors, each with a profile and a screen of its own.
// Everything that a visitor's pages complain about fails the step in which it happened; so does a
// request that leaves Herald.
//
// A script gets what it needs as JSON in the file HERALD_TEST_GIVEN: at least `url`, and of whom
// it signs in `email` and `password`. It says each step that it did; a step that fails is told
// with a picture of the page, in the folder HERALD_TEST_PICTURES.

import { fstatSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { PATIENCE, assert, equal, none, until } from "./expect.mjs";
import { Screen, pageOf } from "./screen.mjs";
import { watch } from "./watch.mjs";

export { assert, equal, none, until };

const modules = path.resolve(process.env.HERALD_TEST_NODE_MODULES);
export const require = createRequire(path.join(modules, "here.js"));
const { chromium } = require("playwright-core");

const WHOLE = 10 * 60_000;

const FLAGS = [
  // Root cannot have the sandbox, nor can many a container; the pages are Herald's own.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-default-apps",
  "--force-color-profile=srgb",
];

export class Desk {
  constructor(browser, given) {
    this.browser = browser;
    this.given = given;
    this.pictures = process.env.HERALD_TEST_PICTURES;
    this.states = new Map();
    this.opened = new Set();
  }

  // A screen of a new profile, that nobody has signed in to. `options` are those of a context.
  async visitor(options = {}) {
    const context = await this.browser.newContext({
      baseURL: this.given.url,
      viewport: { width: 1280, height: 800 },
      reducedMotion: "reduce",
      // Dates are typed in its order.
      locale: "en-US",
      ...options,
    });
    context.setDefaultTimeout(PATIENCE);
    const complaints = await watch(context, this.given.url);
    const screen = new Screen(await context.newPage(), complaints);
    this.opened.add(screen);
    return screen;
  }

  // A screen of a new profile in which somebody is signed in. Hashing passwords is slow by design,
  // so that a session is begun once for each person and copied.
  async person(options = {}) {
    const { email = this.given.email, ...rest } = options;
    if (!this.states.has(email)) {
      const screen = await this.visitor();
      await signIn(screen, email, this.given.password);
      this.states.set(email, await pageOf(screen).context().storageState());
      await this.leave(screen);
    }
    return this.visitor({ storageState: this.states.get(email), ...rest });
  }

  // One step of a story. Fails with its name, and with what any page complained about meanwhile.
  async step(name, screen, work) {
    const begun = Date.now();
    try {
      await work(screen);
      for (const open of this.opened) open.complaints.check();
      console.log(`ok ${name} (${Date.now() - begun} ms)`);
    } catch (error) {
      const file = path.join(this.pictures, `${name.replace(/[^a-z0-9]+/gi, "-")}.png`);
      mkdirSync(this.pictures, { recursive: true });
      const page = pageOf(screen);
      await page.screenshot({ path: file, fullPage: true }).catch(() => {});
      const told = screen.complaints.told.join("\n  ");
      error.message = `${name}\n  at ${page.url()}, picture: ${file}\n  ${told}\n${error.message}`;
      throw error;
    }
  }

  async leave(screen) {
    screen.complaints.check();
    await this.forget(screen);
  }

  // Whatever it complained about.
  async forget(screen) {
    this.opened.delete(screen);
    await screen.close();
  }
}

export async function signIn(screen, email, password) {
  await screen.open("/sign-in");
  await screen.field("E-mail").fill(email);
  await screen.field("Password").fill(password);
  await screen.button("Sign in").follow();
  await screen.at((url) => url.pathname !== "/sign-in");
}

// Runs a whole script with a browser; the process ends with its outcome.
export async function run(script) {
  // When whoever holds the other end of a pipe ended, nobody waits for the outcome.
  if (fstatSync(0).isFIFO()) process.stdin.on("end", () => process.exit(1)).resume();
  setTimeout(() => fail(new Error("the whole took too long")), WHOLE).unref();
  const given = JSON.parse(readFileSync(process.env.HERALD_TEST_GIVEN, "utf8"));
  const browser = await chromium.launch({
    executablePath: process.env.HERALD_TEST_CHROMIUM,
    args: FLAGS,
  });
  try {
    const desk = new Desk(browser, given);
    await script(desk);
    for (const screen of desk.opened) screen.complaints.check();
  } catch (error) {
    fail(error);
  }
  await browser.close();
  process.exit(0);
}

function fail(error) {
  console.error(error.stack ?? String(error));
  process.exit(1);
}
