// What a step may claim, and waiting until it holds.

// Herald is a debug build here, and others use the machine.
export const PATIENCE = 30_000;

export function assert(holds, message) {
  if (!holds) throw new Error(message);
}

export function equal(found, expected, what) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  assert(left === right, `${what}: ${left}, expected ${right}`);
}

export function none(found, what) {
  assert(found.length === 0, `${what}:\n    ${found.join("\n    ")}`);
}

// Asks until the answer holds, a bounded time. `asked` says what came last. A page that is being
// left cannot answer yet.
export async function until(what, ask, asked = () => "") {
  const again = (error) => {
    if (!/context was destroyed|navigat|because of a reload/i.test(error.message)) throw error;
  };
  const begun = Date.now();
  for (;;) {
    const answer = await Promise.resolve().then(ask).catch(again);
    if (answer) return answer;
    assert(Date.now() - begun < PATIENCE, `waited ${PATIENCE} ms for ${what}${asked()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
