// What every page has with scripts: the reader's time zone, keys, copying, and the care for focus
// when a list is exchanged. Nothing here is needed to read or to change anything.
(function () {
  "use strict";
  const root = document.documentElement;
  root.classList.add("script");

  // Times are written by the server, in the zone that this cookie names.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  const known = document.cookie.split("; ").includes("herald_zone=" + zone);
  if (!known) {
    document.cookie = "herald_zone=" + zone + "; Path=/; Max-Age=31536000; SameSite=Lax";
    const kept = document.cookie.includes("herald_zone=" + zone);
    const shown = root.dataset.zone;
    if (kept && shown && shown !== zone && !document.querySelector("form[data-unsaved]")) location.reload();
  }

  const typing = (element) =>
    element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
  const rows = () => Array.from(document.querySelectorAll("#list a.row"));

  function help() {
    let dialog = document.getElementById("keys");
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.id = "keys";
      dialog.setAttribute("aria-labelledby", "keys-title");
      const title = document.createElement("h2");
      title.id = "keys-title";
      title.textContent = "Keys";
      const list = document.createElement("dl");
      for (const [key, words] of [["/", "Search"], ["j", "Next row"], ["k", "Previous row"], ["Enter", "Open the row"], ["?", "This help"], ["Esc", "Close"]]) {
        const term = document.createElement("dt");
        const cap = document.createElement("kbd");
        cap.textContent = key;
        term.append(cap);
        const meaning = document.createElement("dd");
        meaning.textContent = words;
        list.append(term, meaning);
      }
      const form = document.createElement("form");
      form.method = "dialog";
      const close = document.createElement("button");
      close.className = "button";
      close.textContent = "Close";
      form.append(close);
      dialog.append(title, list, form);
      document.body.append(dialog);
    }
    if (!dialog.open) dialog.showModal();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "/") {
      const search = document.querySelector("[data-search]") || document.querySelector(".filters input, .filters select");
      if (!search) return;
      event.preventDefault();
      search.focus();
      if (search.select) search.select();
    } else if (event.key === "j" || event.key === "k") {
      const all = rows();
      if (!all.length) return;
      event.preventDefault();
      const at = all.indexOf(document.activeElement);
      const next = at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + (event.key === "j" ? 1 : -1)));
      all[next].focus();
    } else if (event.key === "?") {
      event.preventDefault();
      help();
    }
  });

  // All bytes of a text, of which the page shows only a part. What is no UTF-8 cannot be copied.
  async function exactly(address) {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(String(answer.status));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await answer.arrayBuffer());
  }

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-unfold]");
    if (!button) return;
    for (const part of button.closest(".payload").querySelectorAll(".json details")) part.open = true;
  });

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-copy]");
    if (!button) return;
    const from = document.getElementById(button.dataset.copy);
    if (!from) return;
    const words = button.textContent;
    try {
      const whole = button.dataset.copyFrom;
      const text = whole ? await exactly(whole) : "value" in from ? from.value : from.textContent;
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Without TLS there is no clipboard but on this machine itself: the text is selected instead.
      getSelection().selectAllChildren(from);
      button.textContent = "Selected: press Ctrl+C";
    }
    setTimeout(() => { button.textContent = words; }, 2000);
  });

  // A menu closes with Escape and when the focus goes elsewhere.
  for (const menu of document.querySelectorAll("details.menu")) {
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    document.addEventListener("click", (event) => {
      if (menu.open && !menu.contains(event.target)) menu.open = false;
    });
  }

  // A chip clears its field too, which is outside of the list that is exchanged.
  document.addEventListener("click", (event) => {
    const chip = event.target instanceof Element && event.target.closest("a[data-clears]");
    if (!chip || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const field = document.getElementById("filter-" + chip.dataset.clears);
    if (!field || !window.htmx) return;
    event.preventDefault();
    field.value = "";
    field.dispatchEvent(new Event("change", { bubbles: true }));
    field.focus();
  });

  // Empty fields stay out of the address.
  document.addEventListener("htmx:configRequest", (event) => {
    const form = event.target instanceof Element && event.target.closest("form.filters");
    if (!form) return;
    for (const [name, value] of Array.from(event.detail.formData.entries())) {
      if (value === "") event.detail.formData.delete(name);
    }
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form.filters") || window.htmx) return;
    for (const field of event.target.elements) if (field.name && field.value === "") field.disabled = true;
  });

  // A field that was searched while it was typed in also changes when it is left: what is shown
  // already is not fetched again, under the hands of whoever goes on.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { pathInfo, requestConfig } = event.detail;
    const asked = requestConfig.triggeringEvent && requestConfig.triggeringEvent.type === "submit";
    const filters = event.target instanceof Element && event.target.matches("form.filters");
    if (filters && !asked && pathInfo.finalRequestPath === location.pathname + location.search) event.preventDefault();
  });

  // Focus is never lost by an update: it goes to the same element, or to its list, before the next
  // key is heard.
  let focused = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const active = document.activeElement;
    focused = active && event.detail.target.contains(active) ? { id: active.id, href: active.getAttribute("href") } : null;
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (!focused) return;
    const again = (focused.id && document.getElementById(focused.id)) ||
      (focused.href && document.querySelector('#list a[href="' + CSS.escape(focused.href) + '"]'));
    const list = document.getElementById("list");
    if (again) again.focus();
    else if (list) { list.tabIndex = -1; list.focus({ preventScroll: true }); }
    focused = null;
  });

  // A request that is given up, because a newer one takes its place or the page is left, is no
  // fault: htmx would write it to the console.
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    detail.xhr.addEventListener("readystatechange", () => {
      if (detail.xhr.readyState === 4 && detail.xhr.status === 0) detail.error = "";
    });
  });

  // What the server refuses is shown as its own page, which says what to do.
  document.addEventListener("htmx:responseError", (event) => {
    const info = event.detail.requestConfig;
    if (info && info.verb === "get") location.assign(event.detail.pathInfo.finalRequestPath || event.detail.pathInfo.requestPath);
  });
  document.addEventListener("htmx:sendError", () => {
    const main = document.getElementById("main");
    if (!main || document.getElementById("away")) return;
    const notice = document.createElement("p");
    notice.id = "away";
    notice.className = "notice is-error";
    notice.setAttribute("role", "alert");
    notice.textContent = "Herald does not answer. What you see may be old; load the page again.";
    main.prepend(notice);
  });
})();
