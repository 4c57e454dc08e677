/** An inbox at a service of this process, on a clock of the test. */

import { Inbox } from "../../../static/client/index.js";
import { Clock, settle } from "./clock.mjs";
import { Service } from "./service.mjs";

export const SHOWN = { archived: false, snoozed: false };

/** @returns a service with so many notifications, and a way to open inboxes that note what they say */
export function world(count = 0, setUp = () => {}) {
  const clock = new Clock();
  const service = new Service(clock);
  for (let n = 0; n < count; n += 1) service.add();
  setUp(service);
  const opened = [];
  const open = async (options = {}, { filter = SHOWN, ms = 0 } = {}) => {
    const inbox = new Inbox({ ...service.options, token: "token-1", ...options });
    const states = [];
    const errors = [];
    const note = () => {
      const { status, transport } = inbox.getSnapshot();
      const state = transport ? `${status} ${transport}` : status;
      if (states.at(-1) !== state) states.push(state);
    };
    inbox.subscribe(note);
    inbox.on("error", ({ operation, error }) => errors.push([operation, error.message]));
    const list = inbox.list(filter);
    list.subscribe(() => {});
    inbox.start();
    opened.push(inbox);
    await settle();
    await clock.advance(ms);
    const ids = () => list.getSnapshot().items.map(({ id }) => id);
    return { inbox, list, ids, states, errors };
  };
  return { clock, service, open, close: () => opened.forEach((inbox) => inbox.stop()) };
}

/** The badge, and the newest notifications, as a client that reads now would see them. */
export function truth(service, filter, count) {
  return { items: service.list({ ...filter, limit: count }).data, counts: service.counts };
}

/** Run what listens to the page, which Node does not have. */
export function page() {
  const target = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const names = { addEventListener: target.addEventListener.bind(target), removeEventListener: target.removeEventListener.bind(target), document };
  for (const [name, value] of Object.entries(names)) Object.defineProperty(globalThis, name, { value, configurable: true });
  return {
    say: (name) => target.dispatchEvent(new Event(name)),
    show: (visibilityState) => {
      document.visibilityState = visibilityState;
      document.dispatchEvent(new Event("visibilitychange"));
    },
    leave: () => Object.keys(names).forEach((name) => delete globalThis[name]),
  };
}
