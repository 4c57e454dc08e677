/** The composables in Vue, on a server and in a page; run with `node --import ./packages.mjs`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { createRenderer, createSSRApp, effectScope, h, ref } from "vue";
import { renderToString } from "vue/server-renderer";

import { Inbox } from "../../../static/client/index.js";
import { provideInbox, useCounts, useInbox, useNotifications } from "../../../static/client/vue.js";
import { settle } from "./clock.mjs";
import { SHOWN, world } from "./support.mjs";

/** Vue without a page: it renders texts into objects. */
const { createApp } = createRenderer({
  createElement: () => ({ children: [] }),
  createText: (text) => ({ text }),
  createComment: () => ({}),
  setText: (node, text) => (node.text = text),
  setElementText: (node, text) => (node.text = text),
  insert: (child, parent) => Object.assign(child, { parent }),
  remove: () => {},
  parentNode: ({ parent }) => parent,
  nextSibling: () => null,
  patchProp: () => {},
});

function open(count) {
  const { service, clock } = world(count);
  return { service, clock, inbox: new Inbox({ ...service.options, token: "token-1" }) };
}

test("renders on a server, where nothing connects", async () => {
  const { service, inbox } = open(3);
  const Page = { setup: () => { const { status } = useInbox(); const { items } = useNotifications(); return () => h("p", `${status.value} ${items.value.length}`); } };
  const app = createSSRApp({ setup: () => (provideInbox(inbox), () => h(Page)) });
  assert.equal(await renderToString(app), "<p>idle 0</p>");
  assert.deepEqual(service.requests, []);
  assert.equal(inbox.list().window.snapshot.items.length, 0);
});

test("follows the inbox while it is mounted", async () => {
  const { service, inbox, clock } = open(3);
  const filter = ref({ archived: false });
  let seen;
  const Page = {
    setup() {
      seen = { ...useInbox(), ...useNotifications(filter), tabs: useCounts([{ archived: true }]) };
      return () => h("p", String(seen.items.value.length));
    },
  };
  const app = createApp({ setup: () => (provideInbox(inbox), () => h(Page)) });
  app.mount({ children: [] });
  await settle();
  await clock.advance(0);
  assert.deepEqual([seen.status.value, seen.transport.value, seen.items.value.length, seen.tabs.value], ["live", "socket", 3, [0]]);
  await seen.inbox.archive("n1");
  assert.deepEqual([seen.items.value.length, seen.counts.value.unread], [2, 2]);
  filter.value = { archived: true };
  await settle();
  assert.deepEqual(seen.items.value.map(({ id }) => id), ["n1"]);
  app.unmount();
  assert.equal(service.openSockets.length, 0);
  assert.equal(clock.next, Infinity);
});

test("works in a scope without a component", async () => {
  const { inbox } = open(2);
  const scope = effectScope();
  const { items } = scope.run(() => useNotifications(SHOWN, inbox));
  inbox.start();
  await settle();
  assert.equal(items.value.length, 2);
  scope.stop();
  inbox.stop();
});
