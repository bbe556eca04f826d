// Working by keyboard alone. After each key the focus must be somewhere and must be seen.

import { assert, until } from "./expect.mjs";
import { pageOf } from "./screen.mjs";

export class Keys {
  #screen;
  #keyboard;

  constructor(screen) {
    this.#screen = screen;
    this.#keyboard = pageOf(screen).keyboard;
  }

  // What has the focus, as text; fails if nothing has, or nobody could see it.
  async focused() {
    const found = await this.#screen.inside(focus);
    assert(!found.lost, "the focus is lost");
    assert(found.inside, `the focus is on something that is not there: ${found.tag} ${found.name}`);
    assert(found.seen || found.target, `the focus cannot be seen on ${found.tag} “${found.name}”`);
    return found;
  }

  // Waits until the focus is on what is called so.
  async on(name) {
    let last;
    const asking = async () => fits(name, (last = await this.#screen.inside(focus)).name) && this.focused();
    return until(`the focus on ${name}`, asking, () => `; it is on ${JSON.stringify(last)}`);
  }

  // Keys that stay on this page.
  async press(...keys) {
    for (const key of keys) await this.#key(key);
    return this.focused();
  }

  // A key that leads to another page.
  async enter(key = "Enter") {
    await this.#screen.arrive(() => this.#key(key));
  }

  // Text into what has the focus.
  async type(text) {
    await this.#screen.rest();
    await this.#keyboard.type(text);
  }

  // Tabs until the focus is on what is called so.
  async to(name, most = 150, key = "Tab") {
    const passed = [];
    for (let n = 0; n < most; n += 1) {
      // Beyond the last element the focus leaves the page for the browser's own bar.
      await this.#key(key);
      const { lost } = await this.#screen.inside(focus);
      if (lost && n > 0) continue;
      const found = await this.focused();
      if (fits(name, found.name)) return found;
      passed.push(found.name);
    }
    throw new Error(`${name} is not reached by ${key}; passed: ${passed.join(" | ")}`);
  }

  // Tabs to it and activates it; it stays on this page.
  async use(name, key = "Enter") {
    await this.to(name);
    await this.#key(key);
  }

  // Tabs to what leads to another page, and goes there.
  async go(name, key = "Enter") {
    await this.to(name);
    await this.enter(key);
  }

  // Tabs to a field and writes into it.
  async write(name, text) {
    await this.to(name);
    await this.#key("ControlOrMeta+a");
    await this.type(text);
    await this.focused();
  }

  async #key(key) {
    await this.#screen.rest();
    await this.#keyboard.press(key);
  }
}

function fits(name, found) {
  return name instanceof RegExp ? name.test(found ?? "") : found === name;
}

function focus() {
  const it = document.activeElement;
  if (!it || it === document.body) return { lost: true };
  // A row's link covers the row with what comes after its text.
  const seen = [null, "::after", "::before"].some((part) => {
    const style = getComputedStyle(it, part);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1.5) || style.boxShadow !== "none";
  });
  const box = it.getBoundingClientRect();
  const name = it.getAttribute("aria-label") || it.labels?.[0]?.textContent || it.textContent || it.value || "";
  return {
    seen,
    tag: it.tagName.toLowerCase(),
    name: name.trim().replace(/\s+/g, " ").slice(0, 80),
    inside: box.width > 0 && box.bottom > 0 && box.right > 0,
    target: it.id === "main" || it.id === "list",
  };
}
