// Working by keyboard alone. After each key the focus must be somewhere and must be seen.

import { assert } from "./desk.mjs";

export class Keys {
  constructor(page) {
    this.page = page;
  }

  // What has the focus, in words; fails if nothing has, or nobody could see it.
  async focused() {
    const found = await this.page.evaluate(() => {
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
    });
    assert(!found.lost, "the focus is lost");
    assert(found.inside, `the focus is on something that is not there: ${found.tag} ${found.name}`);
    assert(found.seen || found.target, `the focus cannot be seen on ${found.tag} “${found.name}”`);
    return found;
  }

  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
    return this.focused();
  }

  // Tabs until the focus is on what is called so.
  async to(name, most = 150, key = "Tab") {
    const fits = (found) => (name instanceof RegExp ? name.test(found.name) : found.name === name);
    const passed = [];
    for (let n = 0; n < most; n += 1) {
      // Beyond the last element the focus leaves the page for the browser's own bar.
      await this.page.keyboard.press(key);
      const lost = await this.page.evaluate(() => document.activeElement === document.body);
      if (lost && n > 0) continue;
      const found = await this.focused();
      if (fits(found)) return found;
      passed.push(found.name);
    }
    throw new Error(`${name} is not reached by ${key}; passed: ${passed.join(" | ")}`);
  }

  // Tabs to it and activates it.
  async use(name, key = "Enter") {
    await this.to(name);
    await this.page.keyboard.press(key);
  }

  // Enters what leads to another page, and waits for it.
  async go(name, key = "Enter") {
    await this.to(name);
    await Promise.all([this.page.waitForNavigation(), this.page.keyboard.press(key)]);
  }

  // Tabs to a field and writes into it.
  async write(name, text) {
    await this.to(name);
    await this.page.keyboard.press("ControlOrMeta+a");
    await this.page.keyboard.type(text);
    await this.focused();
  }
}
