// Coming in and going out.

import { equal, run, signIn } from "./lib/desk.mjs";

await run(async (desk) => {
  const { email, password } = desk.given;
  const page = await desk.visitor();

  await desk.step("a wrong password is refused in words", page, async () => {
    page.complaints.expect(/status of 401/);
    await page.open("/sign-in");
    await page.field("E-mail").fill(email);
    await page.field("Password").fill("not this one");
    await page.button("Sign in").follow();
    await page.role("alert").seen();
  });

  await desk.step("the right one leads to the first page", page, async () => {
    await signIn(page, email, password);
    await page.at("/");
  });

  await desk.step("who wanted to go somewhere is led there after signing in, within Herald", page, async () => {
    for (const [wanted, expected] of [
      ["/settings?tab=x", "/settings?tab=x"],
      ["//evil.example/", "/"],
      ["/\\evil.example", "/"],
      ["https://evil.example/", "/"],
    ]) {
      const answer = await fetch(`${desk.given.url}/sign-in`, {
        method: "POST",
        redirect: "manual",
        headers: { origin: desk.given.url },
        body: new URLSearchParams({ email, password, next: wanted }),
      });
      equal(answer.headers.get("location"), expected, wanted);
    }
  });

  await desk.step("signing out leads back", page, async () => {
    await page.button("Sign out").follow();
    await page.at("/sign-in");
  });
});
