// People and what belongs to them, by mouse: inviting, following the invitation, one's own name
// and password, tokens, leaving.

import { Api } from "./lib/api.mjs";
import { equal, run, signIn } from "./lib/desk.mjs";

const NEW = "mia@example.com";

await run(async (desk) => {
  const { password } = desk.given;
  const page = await desk.person();
  const mia = await desk.visitor();
  const told = (on = page) => on.role("status").with(/\w/).seen();
  let invitation;

  await desk.step("somebody is invited, and the link is there to be handed over", page, async () => {
    await page.open("/");
    await page.link("Settings").follow();
    await page.link("Users").follow();
    await page.link("Invite a user").follow();
    await page.field("E-mail").fill(NEW);
    await page.field("Name").fill("Mia");
    await page.role("radio", { name: /^Viewer/ }).check();
    await page.button("Invite").follow();
    invitation = await page.css("#link").reading();
    await page.link("Back to the users").follow();
    await page.role("row", { name: /mia@example\.com/ }).text("Invited").seen();
  });

  await desk.step("the invitation is followed, and works once", mia, async () => {
    mia.complaints.expect(/status of 4(04|22)/);
    await mia.open(invitation);
    await mia.field("Password").fill(password);
    await mia.field("Repeat password").fill("something else");
    await mia.button("Set the password").follow();
    await mia.role("alert").seen();
    await mia.field("Password").fill(password);
    await mia.field("Repeat password").fill(password);
    await mia.button("Set the password").follow();
    await mia.at("/sign-in");
    await told(mia);
    await signIn(mia, NEW, password);
    await mia.open(invitation);
    await mia.text("This link was used").seen();
  });

  await desk.step("a viewer sees no way to change anything, and is told so", mia, async () => {
    mia.complaints.expect(/status of 403/);
    await mia.open("/webhooks");
    await mia.link("Add a webhook").many(0);
    await mia.open("/webhooks/new");
    await mia.text(/admin/).seen();
  });

  await desk.step("they change their own name", mia, async () => {
    await mia.open("/settings/profile");
    await mia.field("Name").fill("Mia Krause");
    await mia.button("Save the name").follow();
    await told(mia);
    await mia.link("Mia Krause").seen();
  });

  await desk.step("they change their own password, with the present one", mia, async () => {
    mia.complaints.expect(/status of 4\d\d/);
    const change = async (present) => {
      await mia.field("Current password").fill(present);
      await mia.field("New password").fill("another long password");
      await mia.field("Repeat new password").fill("another long password");
      await mia.button("Change the password").follow();
    };
    await change("not this one");
    await mia.text(/not your current password/).seen();
    await change(password);
    await told(mia);
    const again = await desk.visitor();
    await signIn(again, NEW, "another long password");
    await desk.leave(again);
  });

  await desk.step("a token is shown once, and opens the API as far as its role goes", page, async () => {
    await page.open("/settings/tokens");
    await page.link("Create a token").follow();
    await page.field("Title").fill("The shop");
    await page.role("radio", { name: /^Publisher/ }).check();
    await page.button("Create the token").follow();
    const token = await page.css("#token").reading(/^hrld_/);
    // Loading the page again makes no other one, and does not show this one again.
    await page.reload();
    await page.text(/hrld_/).many(0);
    await page.link("Tokens").follow();
    await page.link("The shop").many(1);
    const api = new Api(desk.given, token);
    await api.publish({ event_type: "ORDER_CREATED", data: { id: "1" } });
    const read = await fetch(`${desk.given.url}/v1/deliveries`, { headers: { authorization: `Bearer ${token}` } });
    equal(read.status, 403, "reading with it");
    await page.link("The shop").follow();
    equal((await page.source()).includes(token), false, "the token on its page");
    await page.link("Revoke…").follow();
    await page.button("Revoke the token").follow();
    await told();
    const after = await fetch(`${desk.given.url}/v1/event-types`, { headers: { authorization: `Bearer ${token}` } });
    equal(after.status, 401, "with the revoked token");
  });

  await desk.step("a session that ends while a form is filled in loses nothing that was typed", mia, async () => {
    mia.complaints.expect(/status of 401/);
    await mia.open("/settings/profile");
    await mia.field("Name").fill("Mia <Krause>");
    await mia.forgetCookies();
    await mia.button("Save the name").follow();
    await mia.text(/Your session has ended\. Sign in, and the form comes back/).seen();
    await mia.field("E-mail").fill(NEW);
    await mia.field("Password").fill("another long password");
    await mia.button("Sign in").follow();
    await mia.role("status").with("nothing was saved yet").seen();
    await mia.field("Name").value("Mia <Krause>");
    await mia.button("Save the name").follow();
    await mia.link("Mia <Krause>").seen();
  });

  await desk.step("somebody is removed after a plain question, and is out at once", page, async () => {
    await page.open("/settings/users");
    await page.link(NEW).follow();
    await page.link("Remove…").follow();
    await page.text(NEW).seen();
    await page.button("Remove the user").follow();
    await told();
    mia.complaints.expect(/status of 401/);
    await mia.open("/");
    await mia.at("/sign-in");
  });

  await desk.step("an account is added and seen", page, async () => {
    await page.open("/settings/accounts");
    await page.link("Add an account").follow();
    await page.field("Name").fill("second-shop");
    await page.field("E-mail of its first admin").fill("jo@example.com");
    await page.button("Add the account").follow();
    await page.open("/settings/accounts");
    await page.link("second-shop").follow();
    await page.role("heading", { level: 1, name: /second-shop/ }).seen();
  });
});
