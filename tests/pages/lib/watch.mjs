// What no page may do: write to the console, fail in a script, break its own policy, ask another
// origin for anything, open a dialog, or get an answer that Herald should never give.

export async function watch(context, url) {
  const complaints = new Complaints();
  const origin = new URL(url).origin;
  // It reaches pages and frames before their own scripts run; the console is watched.
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} kept away ${event.blockedURI}`);
    });
  });
  context.on("console", (message) => {
    const at = message.location().url;
    complaints.add(`console, ${message.type()}: ${message.text()}${at ? ` (${at})` : ""}`);
  });
  context.on("page", (page) => {
    page.on("pageerror", (error) => complaints.add(`script: ${error.stack}`));
    page.on("dialog", async (dialog) => {
      complaints.add(`dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    page.on("crash", () => complaints.add("the page crashed"));
  });
  context.on("request", (request) => {
    const asked = new URL(request.url());
    const own = asked.origin === origin || ["about:", "data:", "blob:"].includes(asked.protocol);
    if (!own) complaints.add(`left the origin: ${request.url()}`);
  });
  context.on("requestfailed", (request) => {
    const why = request.failure()?.errorText ?? "";
    // Going to another page ends what the last one still waited for.
    if (why !== "net::ERR_ABORTED") complaints.add(`failed: ${request.url()}: ${why}`);
  });
  context.on("response", (response) => {
    if (response.status() >= 500) {
      complaints.add(`answered ${response.status()}: ${response.url()}`);
    }
  });
  return complaints;
}

class Complaints {
  constructor() {
    this.told = [];
    this.expected = [];
  }

  add(text) {
    if (this.expected.some((pattern) => pattern.test(text))) return;
    this.told.push(text);
  }

  // From here on, what fits the pattern is meant to happen.
  expect(pattern) {
    this.expected.push(pattern);
  }

  check() {
    if (this.told.length > 0) {
      throw new Error(`the page complained:\n  ${this.told.splice(0).join("\n  ")}`);
    }
  }
}
