// The live tail: rows come in while it is on, without moving the focus or what is read.
(function () {
  "use strict";
  const MOST = 200;
  let source = null;
  let wanted = false;
  let fresh = 0;

  const button = () => document.querySelector("[data-live]");
  const say = (text) => {
    const place = document.querySelector("[data-live-status]");
    if (place && place.textContent !== text) place.textContent = text;
  };

  function show(on) {
    const it = button();
    if (!it) return;
    it.setAttribute("aria-pressed", String(on));
    it.textContent = on ? "Pause" : wanted === null ? "Resume" : "Live";
  }

  function stop() {
    if (source) source.close();
    source = null;
  }

  function put(html) {
    const table = document.querySelector("#list table.deliveries");
    if (!table) return;
    const body = table.tBodies[0];
    const parsed = document.createElement("template");
    parsed.innerHTML = "<table><tbody>" + html + "</tbody></table>";
    const rows = Array.from(parsed.content.querySelectorAll("tr"));
    for (const row of rows) {
      const old = document.getElementById(row.id);
      if (old) {
        if (old.dataset.mark === row.dataset.mark) continue;
        const focused = old.contains(document.activeElement);
        old.replaceWith(row);
        if (focused) row.querySelector("a.row").focus({ preventScroll: true });
        continue;
      }
      // The ids are in the order of the list.
      const below = Array.from(body.rows).find((other) => other.id < row.id);
      if (!below && body.rows.length >= 50) continue;
      row.classList.add("is-new");
      body.insertBefore(row, below || null);
      fresh += 1;
    }
    while (body.rows.length > MOST && !body.rows[body.rows.length - 1].contains(document.activeElement)) {
      body.rows[body.rows.length - 1].remove();
    }
    if (table.hidden && body.rows.length) {
      table.hidden = false;
      const empty = document.querySelector("#list .empty");
      if (empty) empty.remove();
    }
    say(fresh === 0 ? "Waiting for deliveries" : fresh === 1 ? "1 new delivery" : fresh + " new deliveries");
  }

  function start() {
    const it = button();
    if (!it) return;
    stop();
    wanted = true;
    source = new EventSource(it.dataset.live);
    const own = source;
    show(true);
    say("Connecting");
    source.addEventListener("open", () => say(fresh ? fresh + " new" : "Waiting for deliveries"));
    source.addEventListener("rows", (event) => put(event.data));
    source.addEventListener("over", () => { stop(); wanted = false; show(false); say("You are signed out: load the page again."); });
    source.addEventListener("error", () => {
      if (own !== source) return;
      if (own.readyState !== EventSource.CLOSED) { say("Connecting again"); return; }
      stop(); wanted = false; show(false);
      say("The live view was refused: load the page again, or try later.");
    });
  }

  document.addEventListener("click", (event) => {
    const it = event.target instanceof Element && event.target.closest("[data-live]");
    if (!it) return;
    if (source) { stop(); wanted = null; show(false); say("Paused"); } else { start(); }
  });
  // Other filters mean another stream.
  document.addEventListener("htmx:afterSettle", () => {
    if (!source) return;
    fresh = 0;
    if (button()) start(); else stop();
  });
  window.addEventListener("pagehide", stop);
})();
