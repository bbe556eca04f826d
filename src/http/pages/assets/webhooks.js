// The form of a webhook: searching event types, what patterns mean, rows of headers. Without it
// every event type is shown and a few empty rows are there.
(function () {
  "use strict";

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  // A `*` matches any characters; every other one matches itself.
  const means = (pattern) => {
    const parts = pattern.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\-]/g, "\\$&"));
    const whole = new RegExp("^" + parts.join(".*") + "$");
    return (name) => whole.test(name);
  };

  for (const picker of document.querySelectorAll("[data-picker]")) {
    const search = picker.querySelector("#find-trigger");
    const groups = Array.from(picker.querySelectorAll("#trigger-groups details"));
    const choices = (group) => Array.from(group.querySelectorAll("[data-choice]"));
    const box = (choice) => choice.querySelector("input");
    const names = groups.flatMap(choices).map((choice) => box(choice).value);
    const open = new Map();

    const count = (group) => {
      const boxes = choices(group).map(box);
      const chosen = boxes.filter((it) => it.checked).length;
      const whole = group.querySelector(".choice:not([data-choice]) input");
      const all = whole && whole.checked && whole.name === "trigger";
      group.querySelector("[data-count]").textContent = all ? "all" : chosen ? chosen + " chosen" : "";
      if (whole && whole.dataset.all !== undefined) {
        whole.checked = chosen === boxes.length;
        whole.indeterminate = chosen > 0 && chosen < boxes.length;
      }
    };
    for (const group of groups) {
      count(group);
      group.addEventListener("change", (event) => {
        if (event.target.dataset.all !== undefined) {
          for (const choice of choices(group)) box(choice).checked = event.target.checked;
        }
        count(group);
      });
    }

    search.addEventListener("input", () => {
      const wanted = search.value.trim().toLowerCase();
      if (wanted && !open.size) for (const group of groups) open.set(group, group.open);
      let any = false;
      for (const group of groups) {
        let fits = false;
        for (const choice of choices(group)) {
          const shown = !wanted || choice.textContent.toLowerCase().includes(wanted);
          choice.hidden = !shown;
          fits = fits || shown;
        }
        const named = wanted && group.querySelector("summary").textContent.toLowerCase().includes(wanted);
        if (named) for (const choice of choices(group)) choice.hidden = false;
        group.hidden = !(fits || named);
        group.open = wanted ? fits || named : open.get(group) ?? group.open;
        any = any || !group.hidden;
      }
      if (!wanted) open.clear();
      picker.querySelector("[data-none]").hidden = any;
    });
    // Enter chooses what is found, instead of saving a form that is not finished.
    search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const found = groups.filter((group) => !group.hidden).flatMap(choices).filter((choice) => !choice.hidden);
      if (search.value.trim() && found.length) box(found[0]).focus();
    });

    const patterns = picker.querySelector("#patterns");
    const meanings = picker.querySelector("[data-meanings]");
    patterns.addEventListener("input", () => {
      const lines = patterns.value.split("\n").map((line) => line.trim()).filter(Boolean).slice(0, 100);
      meanings.replaceChildren(...lines.map((line) => {
        const found = names.filter(means(line));
        const shown = found.slice(0, 12).join(", ");
        const words = found.length === 0 ? "matches no event type today"
          : found.length === 1 ? "matches " + shown + " today"
          : "matches " + found.length + " today: " + shown + (found.length > 12 ? " and " + (found.length - 12) + " more" : "");
        const item = element("li");
        item.append(element("code", line), " ", element("span", words, "muted"));
        return item;
      }));
    });
  }

  for (const headers of document.querySelectorAll("[data-headers]")) {
    const most = Number(headers.dataset.most);
    const rows = () => Array.from(headers.querySelectorAll("[data-row]"));
    const remover = (row) => {
      const button = element("button", "Remove", "quiet");
      button.type = "button";
      button.addEventListener("click", () => {
        for (const input of row.querySelectorAll("input:not([type=hidden])")) input.value = "";
        row.classList.add("is-gone");
        add.focus();
        add.disabled = rows().filter((it) => !it.classList.contains("is-gone")).length >= most;
      });
      row.append(button);
    };
    const add = element("button", "Add a header", "button");
    add.type = "button";
    add.addEventListener("click", () => {
      const all = rows();
      const place = all.length;
      const row = all[place - 1].cloneNode(true);
      row.classList.remove("is-gone");
      row.querySelector("button")?.remove();
      for (const input of row.querySelectorAll("input")) {
        input.value = "";
        input.name = input.name.replace(/\d+$/, place);
        if (input.id) input.id = input.id.replace(/\d+$/, place);
        if (/^header_value/.test(input.name)) input.placeholder = "Value";
      }
      for (const label of row.querySelectorAll("label")) {
        label.htmlFor = label.htmlFor.replace(/\d+$/, place);
        label.textContent = label.textContent.replace(/\d+$/, place + 1);
      }
      all[place - 1].after(row);
      remover(row);
      row.querySelector("input:not([type=hidden])").focus();
      add.disabled = rows().filter((it) => !it.classList.contains("is-gone")).length >= most;
    });
    rows().forEach(remover);
    headers.append(add);
  }
})();
