// People and what belongs to them, by mouse: inviting, following the invitation, one's own name
// and password, tokens, leaving.

import { Api } from "./lib/api.mjs";
import { assert, equal, run, signIn } from "./lib/desk.mjs";

const NEW = "mia@example.com";

await run(async (desk) => {
  const { password } = desk.given;
  const page = await desk.person();
  const mia = await desk.visitor();
  const button = (name, on = page) => on.getByRole("button", { name, exact: true });
  const link = (name, on = page) => on.getByRole("link", { name, exact: true });
  const told = (on = page) => on.getByRole("status").filter({ hasText: /\w/ }).first().waitFor();
  let invitation;

  await desk.step("somebody is invited, and the link is there to be handed over", page, async () => {
    await page.goto("/");
    await link("Settings").first().click();
    await link("Users").click();
    await link("Invite a user").click();
    await page.getByLabel("E-mail").fill(NEW);
    await page.getByLabel("Name").fill("Mia");
    await page.getByRole("radio", { name: /^Viewer/ }).check();
    await button("Invite").click();
    invitation = await page.locator("#link").innerText();
    await link("To the users").click();
    await page.getByRole("row", { name: /mia@example\.com/ }).getByText("Invited").waitFor();
  });

  await desk.step("the invitation is followed, and works once", mia, async () => {
    mia.complaints.expect(/status of 4(04|22)/);
    await mia.goto(invitation.trim());
    await mia.getByLabel("Password", { exact: true }).fill(password);
    await mia.getByLabel("Again").fill("something else");
    await button("Set the password", mia).click();
    await mia.getByRole("alert").waitFor();
    await mia.getByLabel("Password", { exact: true }).fill(password);
    await mia.getByLabel("Again").fill(password);
    await button("Set the password", mia).click();
    await link("Sign in", mia).click();
    await signIn(mia, NEW, password);
    await mia.goto(invitation.trim());
    await mia.getByText("This link was used").waitFor();
  });

  await desk.step("a viewer sees no way to change anything, and is told so", mia, async () => {
    mia.complaints.expect(/status of 403/);
    await mia.goto("/webhooks");
    equal(await link("Add a webhook", mia).count(), 0, "ways to add");
    await mia.goto("/webhooks/new");
    await mia.getByText(/admin/).first().waitFor();
  });

  await desk.step("they change their own name", mia, async () => {
    await mia.goto("/settings/profile");
    await mia.getByLabel("Name", { exact: true }).fill("Mia Krause");
    await button("Save the name", mia).click();
    await told(mia);
    await mia.getByRole("link", { name: "Mia Krause" }).first().waitFor();
  });

  await desk.step("they change their own password, with the present one", mia, async () => {
    mia.complaints.expect(/status of 4\d\d/);
    const change = async (present) => {
      await mia.getByLabel("Present password").fill(present);
      await mia.getByLabel("New password", { exact: true }).fill("another long password");
      await mia.getByLabel("New password again").fill("another long password");
      await button("Change the password", mia).click();
    };
    await change("not this one");
    await mia.getByText(/not your present password/).first().waitFor();
    await change(password);
    await told(mia);
    const again = await desk.visitor();
    await signIn(again, NEW, "another long password");
    await desk.leave(again);
  });

  await desk.step("a token is shown once, and opens the API as far as its role goes", page, async () => {
    await page.goto("/settings/tokens");
    await link("Make a token").click();
    await page.getByLabel("Title").fill("The shop");
    await page.getByRole("radio", { name: /^Publisher/ }).check();
    await button("Make the token").click();
    const token = (await page.locator("#token").innerText()).trim();
    assert(token.startsWith("hrld_"), "the token");
    const api = new Api(desk.given, token);
    await api.publish({ event_type: "ORDER_CREATED", data: { id: "1" } });
    const read = await fetch(`${desk.given.url}/v1/deliveries`, { headers: { authorization: `Bearer ${token}` } });
    equal(read.status, 403, "reading with it");
    await link("To the tokens").click();
    await link("The shop").click();
    equal((await page.content()).includes(token), false, "the token on its page");
    await link("Revoke…").click();
    await button("Revoke the token").click();
    await told();
    const after = await fetch(`${desk.given.url}/v1/event-types`, { headers: { authorization: `Bearer ${token}` } });
    equal(after.status, 401, "with the revoked token");
  });

  await desk.step("somebody is removed after a plain question, and is out at once", page, async () => {
    await page.goto("/settings/users");
    await link(NEW).click();
    await link("Remove…").click();
    await page.getByText(NEW).first().waitFor();
    await button("Remove the user").click();
    await told();
    mia.complaints.expect(/status of 401/);
    await mia.goto("/");
    equal(new URL(mia.url()).pathname, "/sign-in", "where they are led");
  });

  await desk.step("an account is added and seen", page, async () => {
    await page.goto("/settings/accounts");
    await link("Add an account").click();
    await page.getByLabel("Name", { exact: true }).fill("second-shop");
    await page.getByLabel("E-mail of its first admin").fill("jo@example.com");
    await button("Add the account").click();
    await page.goto("/settings/accounts");
    await link("second-shop").click();
    await page.getByRole("heading", { level: 1, name: /second-shop/ }).waitFor();
  });
});
