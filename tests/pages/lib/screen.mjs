// What somebody does on a page and sees there. Nothing here looks only once: what is read is asked
// for until it is as expected and the page is at rest, and what leads to another page waits until
// that page has loaded. Playwright's own page stays in here and in the files beside this one, so
// that no script can look before the page is there.

import { until } from "./expect.mjs";

const ROOT = Symbol("where Playwright looks");
const SCREEN = Symbol("the whole");
const PAGE = Symbol("Playwright's page");

// For the files beside this one alone.
export const pageOf = (screen) => screen[PAGE];

// The document has loaded with its scripts, and no list is being exchanged.
const AT_REST = () =>
  document.readyState === "complete" &&
  !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added");

// What has parts: a page, a frame, or a part itself. A name that is a text is the whole name.
class Scope {
  #part(locator) {
    return new Part(this[SCREEN], locator);
  }

  role(role, options = {}) {
    return this.#part(this[ROOT].getByRole(role, { exact: typeof options.name === "string", ...options }));
  }

  button(name) {
    return this.role("button", { name });
  }

  link(name) {
    return this.role("link", { name });
  }

  field(label) {
    return this.#part(this[ROOT].getByLabel(label, { exact: typeof label === "string" }));
  }

  // Where this is a part of the text.
  text(text) {
    return this.#part(this[ROOT].getByText(text));
  }

  // Where this is the whole text.
  exactly(text) {
    return this.#part(this[ROOT].getByText(text, { exact: true }));
  }

  css(selector) {
    return this.#part(this[ROOT].locator(selector));
  }

  frame(selector) {
    const scope = new Scope();
    scope[ROOT] = this[ROOT].frameLocator(selector);
    scope[SCREEN] = this[SCREEN];
    return scope;
  }
}

// One or several elements. What acts, acts on the first that is visible.
class Part extends Scope {
  constructor(screen, locator) {
    super();
    this[SCREEN] = screen;
    this[ROOT] = locator;
  }

  with(hasText) {
    return new Part(this[SCREEN], this[ROOT].filter({ hasText }));
  }

  without(hasNotText) {
    return new Part(this[SCREEN], this[ROOT].filter({ hasNotText }));
  }

  first() {
    return new Part(this[SCREEN], this[ROOT].first());
  }

  visible() {
    return new Part(this[SCREEN], this[ROOT].filter({ visible: true }));
  }

  // What is seen.

  async seen() {
    await this.visible()[ROOT].first().waitFor();
    await this[SCREEN].rest();
  }

  // How many there are, seen or not.
  many(number) {
    return this.#until(`${number} of`, () => this[ROOT].count(), (found) => found === number);
  }

  // At least one, seen or not.
  any() {
    return this.#until("any of", () => this[ROOT].count(), (found) => found > 0);
  }

  // Fewer than so many.
  few(number) {
    return this.#until(`fewer than ${number} of`, () => this[ROOT].count(), (found) => found < number);
  }

  // Their texts, in order.
  texts(...expected) {
    const same = (found) => JSON.stringify(found) === JSON.stringify(expected);
    return this.#until(`“${expected.join("”, “")}” from`, () => this[ROOT].allInnerTexts(), same);
  }

  // The text of the first, once it has one that fits.
  async reading(fits = /\S/) {
    const ask = async () => (await this[ROOT].first().innerText()).trim();
    return this.#until(`${fits} in`, ask, (found) => fits.test(found));
  }

  value(expected) {
    return this.#until(`the value “${expected}” of`, () => this[ROOT].inputValue(), (found) => found === expected);
  }

  // An attribute's value, once it has one that fits.
  attribute(name, fits = /^/) {
    const ask = () => this[ROOT].first().getAttribute(name);
    return this.#until(`${name} of`, ask, (found) => found !== null && fits.test(found));
  }

  checked(expected = true) {
    return this.#until(`checked ${expected} of`, () => this[ROOT].isChecked(), (found) => found === expected);
  }

  // The focus is in it.
  focused() {
    const within = (all) => all.some((it) => it.contains(document.activeElement));
    return this.#until("the focus in", () => this[ROOT].evaluateAll(within), (found) => found);
  }

  async #until(what, ask, fits) {
    let last;
    const asking = async () => {
      if (!(await this[SCREEN].isAtRest())) return false;
      last = await ask();
      return fits(last) && { found: last };
    };
    const { found } = await until(`${what} ${this[ROOT]}`, asking, () => `; last: ${JSON.stringify(last)}`);
    return found;
  }

  // What is done.

  // Clicks on what stays on this page.
  click() {
    return this.#act((it) => it.click());
  }

  // Clicks on what leads to another page, and waits for that.
  follow() {
    return this[SCREEN].arrive(() => this.click());
  }

  fill(text) {
    return this.#act((it) => it.fill(text));
  }

  choose(option) {
    return this.#act((it) => it.selectOption(option));
  }

  check() {
    return this.#act((it) => it.check());
  }

  focus() {
    return this.#act((it) => it.focus());
  }

  scroll() {
    return this.#act((it) => it.scrollIntoViewIfNeeded());
  }

  async #act(act) {
    await this[SCREEN].rest();
    await act(this.visible()[ROOT].first());
  }
}

export class Screen extends Scope {
  #expected = 0;

  constructor(page, complaints) {
    super();
    this[SCREEN] = this;
    this[ROOT] = page;
    this[PAGE] = page;
    this.complaints = complaints;
    page.on("request", (request) => {
      if (this.#expected > 0 || !request.isNavigationRequest() || request.frame() !== page.mainFrame()) return;
      complaints.add(`the step did not wait for ${request.url()}`);
    });
  }

  // Where it is.

  async open(address) {
    await this.#leaving(() => this[PAGE].goto(address));
    await this.rest();
  }

  async reload() {
    await this.#leaving(() => this[PAGE].reload());
    await this.rest();
  }

  // Opens what no browser shows as a page, such as a file or another host.
  async tryToOpen(address) {
    await this.#leaving(() => this[PAGE].goto(address).catch(() => {}));
  }

  // Does what leads to another page, and waits until that has loaded.
  async arrive(act) {
    await this.rest();
    await this.#leaving(() => Promise.all([this[PAGE].waitForEvent("load"), act()]));
    await this.rest();
  }

  async #leaving(act) {
    this.#expected += 1;
    try {
      await act();
    } finally {
      this.#expected -= 1;
    }
  }

  // The address, once it fits: a path, a pattern for path and query, or a function of the URL.
  async at(wanted = () => true) {
    const fits = (url) => {
      if (typeof wanted === "function") return wanted(url);
      return wanted instanceof RegExp ? wanted.test(url.pathname + url.search) : url.pathname === wanted;
    };
    const url = () => new URL(this[PAGE].url());
    const asking = async () => (await this.isAtRest()) && fits(url()) && url();
    return until(`the address ${wanted}`, asking, () => `; it is ${url()}`);
  }

  async rest() {
    await until("the page to be at rest", () => this.isAtRest());
  }

  isAtRest() {
    return this[PAGE].evaluate(AT_REST);
  }

  // What changes.

  // The rows of a list.
  get rows() {
    return this.css("#list a.row");
  }

  // Does what exchanges the list, and waits for the new one.
  async listed(act) {
    await this.rest();
    await this[PAGE].evaluate(() => {
      document.getElementById("list").isOld = true;
    });
    await act();
    const fresh = () => document.getElementById("list")?.isOld === undefined;
    await until("another list", async () => (await this.isAtRest()) && (await this[PAGE].evaluate(fresh)));
  }

  // Does what ends a request that is under way.
  async ending(address, act) {
    await Promise.all([
      this[PAGE].waitForEvent("requestfailed", (request) => request.url().includes(address)),
      act(),
    ]);
  }

  // What a function says that runs in the page, once the page is at rest.
  async inside(work, given) {
    await this.rest();
    return this[PAGE].evaluate(work, given);
  }

  // What a function says in the page, once that holds.
  becomes(what, work, given) {
    const asking = async () => (await this.isAtRest()) && this[PAGE].evaluate(work, given);
    return until(what, asking);
  }

  async resize(width, height) {
    await this[PAGE].setViewportSize({ width, height });
    await this.rest();
  }

  // The document as it is.
  async source() {
    await this.rest();
    return this[PAGE].content();
  }

  // Ends the session, as the browser sees it.
  async forgetCookies() {
    await this[PAGE].context().clearCookies();
  }

  // Another page in the same browser profile.
  async another() {
    return new Screen(await this[PAGE].context().newPage(), this.complaints);
  }

  async close() {
    await this[PAGE].context().close();
  }

  // A bare key press; what has the focus is the business of `Keys`.
  async press(key) {
    await this.rest();
    await this[PAGE].keyboard.press(key);
  }
}
