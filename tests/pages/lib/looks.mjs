// How a page looks to somebody who sees little, has a narrow screen, or enlarges everything.

import { readFileSync } from "node:fs";

import { require } from "./desk.mjs";

const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

// What axe-core has against the page; what others wrote into frames is not judged.
export async function faults(screen) {
  await screen.inside(AXE);
  const { violations } = await screen.inside(() => window.axe.run(document, { iframes: false }));
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id} (${help}): ${node.target.join(" ")}: ${node.failureSummary.replaceAll("\n", " ")}`),
  );
}

// The elements that make the page wider than its window; empty if it is not.
export async function sideways(screen) {
  return screen.inside(() => {
    const scrolling = document.scrollingElement;
    if (scrolling.scrollWidth <= innerWidth) return [];
    const wide = Array.from(document.body.querySelectorAll("*")).filter((it) => {
      const { right, width } = it.getBoundingClientRect();
      return right > innerWidth + 0.5 && width > 0;
    });
    const named = wide.map((it) => `${it.tagName.toLowerCase()}${it.id && `#${it.id}`}.${it.getAttribute("class")}`);
    return [`${scrolling.scrollWidth} px wide: ${named.slice(0, 8).join(", ")}`];
  });
}

// Shapes within shapes are not drawn: HTML closes no `<rect>` by itself.
export async function undrawn(screen) {
  return screen.inside(() => {
    const within = document.querySelectorAll("svg :is(rect, circle, path, line, polyline, polygon) > :not(title, desc)");
    return Array.from(within, (it) => `${it.tagName} within ${it.parentElement.tagName}: ${it.closest("svg").outerHTML.slice(0, 200)}`);
  });
}

// Text that is cut off, and cannot be read on hover either.
export async function cut(screen) {
  return screen.inside(() => {
    const found = [];
    const titled = (it) => it.closest("[title]") || it.querySelector("[title]");
    for (const it of document.body.querySelectorAll("*")) {
      const style = getComputedStyle(it);
      const hides = ["hidden", "clip"].includes(style.overflowX) && !it.closest("svg, .unseen, [hidden]");
      const seen = it.checkVisibility() && it.clientWidth > 1;
      if (hides && seen && it.scrollWidth > it.clientWidth + 1 && !titled(it) && it.textContent.trim()) {
        found.push(`${it.tagName.toLowerCase()}.${it.className}: ${it.textContent.trim().slice(0, 60)}`);
      }
    }
    return found;
  });
}

// Texts that lie upon one another.
export async function overlapping(screen) {
  return screen.inside(() => {
    const texts = [];
    // What is there for screen readers alone lies anywhere.
    const hidden = (it) => it && (getComputedStyle(it).clipPath !== "none" || hidden(it.parentElement));
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const parent = node.parentElement;
      if (!node.data.trim() || !parent.checkVisibility() || parent.closest("svg, .skip, option, script")) continue;
      if (hidden(parent)) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      // What is cut off does not lie upon anything.
      const window = parent.closest(".where, .who a")?.getBoundingClientRect();
      for (const whole of range.getClientRects()) {
        const right = Math.min(whole.right, window?.right ?? Infinity);
        const box = { left: whole.left, right, top: whole.top, bottom: whole.bottom, width: right - whole.left, height: whole.height };
        if (box.width > 1 && box.height > 1) texts.push({ box, node, words: node.data.trim().slice(0, 30) });
      }
    }
    const found = [];
    for (let i = 0; i < texts.length && found.length < 5; i += 1) {
      for (let j = i + 1; j < texts.length; j += 1) {
        const [a, b] = [texts[i].box, texts[j].box];
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        const least = Math.min(a.height, b.height);
        if (wide > 3 && high > least * 0.4 && texts[i].node !== texts[j].node) {
          found.push(`“${texts[i].words}” and “${texts[j].words}” at ${Math.round(a.left)},${Math.round(a.top)}`);
          break;
        }
      }
    }
    return found;
  });
}
