/** Which notifications a person wants, and when: a view that takes the place of the list. */

import { button, make, show } from "./dom.js";
import { ScheduleView } from "./schedule.js";

/** @typedef {import("../client/index.js").Preference} Preference */

export class PreferencesView {
  #inbox;
  #t;
  /** @type {Preference[]} as the service has them */
  #items = [];
  /** @type {Map<string, boolean>} what was chosen and is not saved yet */
  #pending = new Map();
  #saving = Promise.resolve(); // one after the other, so that the last choice is what counts
  #shape = "";
  #isStopped = false;
  /** @type {Map<string, {box: HTMLInputElement, item: Preference, channel: string}>} */
  #boxes = new Map();
  #schedule;
  #end;

  /**
   * @param {object} context
   * @param {import("../client/index.js").Inbox} context.inbox
   * @param {import("./locale.js").Translate} context.t
   * @param {() => void} context.close goes back to the list
   */
  constructor({ inbox, t, close }) {
    this.#inbox = inbox;
    this.#t = t;
    this.back = button("back", close, {}, t("preferences.close"));
    this.retry = button("retry", () => this.#load(), { hidden: "" }, t("error.retry"));
    this.problem = make("p", { class: "problem", role: "alert", hidden: "" });
    this.status = make("p", { class: "loading", role: "status" }, t("list.loading"));
    this.groups = make("div", { class: "groups" });
    this.#schedule = new ScheduleView(t, (schedule) => this.#save("schedule", { schedule }));
    const head = make("div", { class: "head" }, make("h2", { id: "preferences-title" }, t("preferences.title")), this.back);
    const body = make("div", { class: "choices" }, this.status, this.problem, this.retry, this.groups, this.#schedule.element);
    const region = { class: "preferences", part: "preferences", role: "region", "aria-labelledby": "preferences-title" };
    this.element = make("section", region, head, body);
    this.#end = inbox.on("preferences", (changed) => this.#hear(/** @type {Preference[]} */ (changed)));
    void this.#load();
  }

  stop() {
    this.#isStopped = true;
    this.#end();
  }

  async #load() {
    if (!this.retry.hidden) show(this.problem, "");
    this.retry.hidden = true;
    try {
      this.#items = await this.#inbox.preferences({ criticality: "all" });
      show(this.status, this.#items.some(({ channels }) => Object.keys(channels).length) ? "" : this.#t("preferences.empty"));
      this.#render();
    } catch {
      show(this.status, "");
      show(this.problem, this.#t("error.preferences"));
      this.retry.hidden = false;
    }
  }

  /** Another tab or device has changed something. @param {Preference[]} changed all but the critical ones */
  #hear(changed) {
    const known = new Map(changed.map((item) => [keyOf(item), item]));
    const kept = this.#items.filter((item) => item.workflow?.critical || known.has(keyOf(item)));
    this.#items = kept.map((item) => known.get(keyOf(item)) ?? item);
    const shown = new Set(kept.map(keyOf));
    this.#items.push(...changed.filter((item) => !shown.has(keyOf(item))));
    this.#render();
  }

  #render() {
    if (this.#isStopped) return;
    const items = this.#items.filter(({ channels }) => Object.keys(channels).length);
    const shape = JSON.stringify(items.map((item) => [keyOf(item), item.workflow?.name, Object.keys(item.channels)]));
    if (shape !== this.#shape) this.#build(items);
    this.#shape = shape;
    for (const item of items) {
      for (const [channel, on] of Object.entries(item.channels)) {
        const name = `${keyOf(item)} ${channel}`;
        const entry = this.#boxes.get(name);
        if (!entry) continue;
        entry.item = item;
        entry.box.checked = this.#pending.get(name) ?? on;
      }
    }
    const everywhere = this.#items.find(({ level }) => level === "global");
    if (everywhere) this.#schedule.render(everywhere);
  }

  /** @param {Preference[]} items */
  #build(items) {
    const root = /** @type {ShadowRoot} */ (this.element.getRootNode());
    const focused = /** @type {HTMLElement | null} */ (root.activeElement)?.dataset.choice;
    this.#boxes.clear();
    this.groups.replaceChildren(...items.map((item, n) => this.#group(item, n)));
    if (focused) this.#boxes.get(focused)?.box.focus();
  }

  /** Its channels under its name; a single one goes by that name. @param {Preference} item @param {number} n */
  #group(item, n) {
    const { workflow, channels } = item;
    const isLocked = Boolean(workflow?.critical);
    const title = workflow?.name ?? this.#t("preferences.global");
    const hint = `preference-${n}`;
    const names = Object.keys(channels);
    const locked = isLocked ? [make("p", { class: "locked", id: hint }, this.#t("preferences.critical"))] : [];
    const choices = names.map((channel) => {
      const name = `${keyOf(item)} ${channel}`;
      const lock = isLocked ? { disabled: "", "aria-describedby": hint } : null;
      const box = make("input", { type: "checkbox", role: "switch", "data-choice": name, ...lock });
      const entry = { box, item, channel };
      box.addEventListener("change", () => this.#choose(name, entry));
      this.#boxes.set(name, entry);
      const label = names.length > 1 ? this.#t(`channel.${channel}`) : title;
      return make("label", { class: "choice" }, make("span", { dir: "auto" }, label), box);
    });
    if (names.length === 1) return make("div", { class: "group" }, ...choices, ...locked);
    return make("fieldset", { class: "group" }, make("legend", { dir: "auto" }, title), ...locked, ...choices);
  }

  /** @param {string} name @param {{box: HTMLInputElement, item: Preference, channel: string}} entry */
  #choose(name, { box, item, channel }) {
    this.#pending.set(name, box.checked);
    this.#save(name, { [channel]: box.checked }, item);
  }

  /**
   * Save a choice that shows already; show what the service has if that fails.
   * @param {string} name @param {Record<string, unknown>} choice @param {Preference} [item] whose choice it is; all of them by default
   */
  #save(name, choice, item) {
    show(this.problem, "");
    this.element.ariaBusy = "true";
    const save = async () => {
      try {
        const changed = await this.#inbox.setPreferences(choice, item?.workflow?.id);
        this.#items = this.#items.map((one) => (keyOf(one) === keyOf(changed) ? changed : one));
        if (!item?.workflow && name !== "schedule") await this.#load(); // those of workflows follow the global one
      } catch {
        show(this.problem, this.#t("error.change"));
      }
    };
    const job = this.#saving.then(save).then(() => {
      if (this.#saving !== job) return; // a later choice still waits
      this.#pending.clear();
      this.element.ariaBusy = "false";
      this.#render();
    });
    this.#saving = job;
  }
}

/** @param {Preference} item */
function keyOf({ workflow }) {
  return workflow?.id ?? "";
}
