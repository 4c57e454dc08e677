/** The hooks in React, on a server and in a page; run with `node --import ./packages.mjs`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { StrictMode, createElement } from "react";
import { renderToString } from "react-dom/server";

import { Inbox } from "../../../static/client/index.js";
import { InboxProvider, useCounts, useInbox, useNotifications } from "../../../static/client/react.js";
import { settle } from "./clock.mjs";
import { SHOWN, world } from "./support.mjs";

/** A node that React can render nothing into: enough of a document for components without elements. */
function container() {
  const node = { nodeType: 1, nodeName: "DIV", tagName: "DIV", namespaceURI: "http://www.w3.org/1999/xhtml", firstChild: null };
  Object.assign(node, { addEventListener() {}, removeEventListener() {}, textContent: "" });
  const document = { nodeType: 9, addEventListener() {}, documentElement: node, activeElement: null };
  return Object.assign(node, { ownerDocument: document });
}

/** Mount a component in a page. @returns a way to unmount it */
async function mount(inbox, Component, wrap = (child) => child) {
  globalThis.window = Object.assign(globalThis.window ?? {}, { event: undefined, HTMLIFrameElement: class {} });
  const { createRoot } = await import("react-dom/client");
  const root = createRoot(container());
  root.render(wrap(createElement(InboxProvider, { inbox }, createElement(Component))));
  await settle();
  return async () => {
    root.unmount();
    await settle();
  };
}

test("renders on a server, where nothing connects", () => {
  const { service } = world(3);
  const inbox = new Inbox({ ...service.options, token: "token-1" });
  function App() {
    const { status, counts } = useInbox();
    const { items, isLoading } = useNotifications();
    return `${status} ${counts.unread} ${items.length} ${isLoading} ${useCounts([SHOWN])} ${useCounts().unseen}`;
  }
  assert.equal(renderToString(createElement(InboxProvider, { inbox }, createElement(App))), "idle 0 0 true  0");
  assert.deepEqual(service.requests, []);
});

test("shows what happens, and renders no more often than that", async () => {
  const { service, clock } = world(3);
  const inbox = new Inbox({ ...service.options, token: "token-1" });
  const renders = [];
  function App() {
    const { inbox: own, status } = useInbox();
    const list = useNotifications({ archived: false });
    assert.equal(own, inbox);
    renders.push({ status, ...list, counts: useCounts(), tabs: useCounts([{ archived: true }]) });
    return null;
  }
  const unmount = await mount(inbox, App);
  await clock.advance(0);
  const last = () => renders.at(-1);
  assert.equal(renders[0].status, "idle");
  assert.deepEqual([last().status, last().items.length, last().counts.unread, last().tabs], ["live", 3, 3, [0]]);
  const { length } = renders;
  service.ping();
  await settle();
  assert.equal(renders.length, length);
  await inbox.archive("n2");
  await clock.advance(1_000);
  assert.deepEqual([last().items.length, last().counts.unread, last().tabs], [2, 2, [1]]);
  assert.equal(last().more, renders[0].more);
  await unmount();
  assert.equal(inbox.getSnapshot().status, "idle");
  assert.equal(clock.next, Infinity);
});

test("StrictMode, which mounts twice, leaves one connection", async () => {
  const { service } = world(1);
  const inbox = new Inbox({ ...service.options, token: "token-1" });
  let shown;
  const App = () => ((shown = useNotifications()), null);
  const unmount = await mount(inbox, App, (child) => createElement(StrictMode, null, child));
  assert.equal(service.openSockets.length, 1);
  assert.equal(shown.items.length, 1);
  await unmount();
  assert.equal(service.openSockets.length, 0);
});

test("a hook without provider says so", () => {
  assert.throws(() => renderToString(createElement(() => useInbox().status)), /InboxProvider/);
});
