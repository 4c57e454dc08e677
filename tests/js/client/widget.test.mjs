/** The session of the widget: what it reports as seen, and what it tells the page of failures. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { INBOX, InboxSession } from "../../../static/widget/session.js";
import { Clock, deferred, settle } from "./clock.mjs";
import { Service } from "./service.mjs";

/** A live session at a service with so many notifications; every redraw finds all of them in view if `isOpen`. */
async function live(t, count, isOpen) {
  const service = new Service(new Clock());
  for (let n = 0; n < count; n += 1) service.add();
  Object.assign(globalThis, { fetch: service.options.fetch, WebSocket: service.WebSocket });
  const failures = [];
  let redrawn = () => {};
  const redraw = () => {
    if (isOpen) session.reportSeen(session.state.items.map(({ id }) => id));
    redrawn();
  };
  const config = { baseUrl: "https://inbox.test/", applicationIdentifier: "app", subscriberId: "ada" };
  const listener = { onChange: redraw, onReceived: () => {}, onFailure: ({ operation }) => failures.push(operation) };
  const session = new InboxSession(config, listener);
  t.after(() => session.stop());
  session.start();
  const isLive = async () => {
    while (session.state.status !== "live") await new Promise((resume) => (redrawn = resume));
    await settle();
  };
  await isLive();
  const marks = () => service.requests.filter((name) => name === "mark").length;
  return { service, session, failures, redraw, isLive, marks };
}

const REFUSED = { mark: { code: "invalid", message: "No", retry: false } };

test("a report that fails is not repeated by redraws, but by a new connection and as the panel is opened", async (t) => {
  const { service, session, failures, redraw, isLive, marks } = await live(t, 0, true);
  service.refuse = REFUSED;
  service.add();
  for (let n = 0; n < 5; n += 1) {
    await settle();
    redraw();
  }
  assert.deepEqual([marks(), failures], [1, ["seen"]]);

  service.cut(1012, "retry_after=0");
  await settle();
  await isLive();
  assert.deepEqual([marks(), failures], [2, ["seen", "seen"]]);

  service.refuse = {};
  redraw();
  await settle();
  assert.equal(marks(), 2);
  session.opened();
  redraw();
  await settle();
  redraw();
  await settle();
  assert.deepEqual([marks(), failures.length, service.counts.unseen], [3, 2, 0]);
});

test("the end of the connection is told once, whatever changes afterwards", async (t) => {
  const { service, session, failures } = await live(t, 1, false);
  Object.assign(service, { refuse: REFUSED, isHeld: true }); // the refusal does not arrive
  let fail;
  service.fetch = () => new Promise((_, reject) => (fail = reject));
  const changing = session.change((inbox) => inbox.read("n1"), ["n1"]);
  await settle();
  service.cut(4410, "subscriber_deleted");
  await settle();
  assert.deepEqual([session.state.status, session.state.counts.unread], ["failed", 0]);
  fail(new TypeError("fetch failed")); // the change is rolled back after the end, so the badge is another one
  await changing;
  await settle();
  assert.equal(session.state.counts.unread, 1);
  assert.deepEqual(failures, ["connection"]);
});

test("what waits for its undo stays out of the counts while another list is shown", async (t) => {
  const { service, session } = await live(t, 2, false);
  const unread = () => session.state.counts.unread;
  const [item] = session.state.items;
  const { promise, resolve } = deferred();
  const changing = session.change((inbox) => inbox.delete(item.id, promise), [item.id]);
  assert.deepEqual([unread(), session.state.items.length], [1, 1]);

  session.show({ archived: true });
  await settle();
  assert.deepEqual([unread(), session.state.items.length], [1, 0]);

  session.show(INBOX);
  await settle();
  assert.equal(unread(), 1);
  service.remove([item.id]); // as in another window
  await settle();
  assert.deepEqual([service.counts.unread, unread()], [1, 1]);
  resolve(false);
  assert.equal(await changing, true);
  assert.equal(unread(), 1);
});
