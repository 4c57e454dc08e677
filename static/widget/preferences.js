/** Which notifications a person wants: a view that takes the place of the list. */

import { make } from "./dom.js";

export class PreferencesView {
  #inbox;
  #isStopped = false;

  /**
   * @param {object} context
   * @param {import("../client/index.js").Inbox} context.inbox
   * @param {import("./locale.js").Translate} context.t
   * @param {() => void} context.close goes back to the list
   */
  constructor({ inbox, t, close }) {
    this.#inbox = inbox;
    this.t = t;
    this.back = make("button", { class: "back", type: "button" }, t("preferences.close"));
    this.back.addEventListener("click", close);
    this.choices = make("div", { class: "choices" });
    this.element = make("section", { class: "preferences", part: "preferences", "aria-label": t("preferences.title") });
    this.element.append(this.back, this.choices);
    void this.#load();
  }

  focus() {
    this.back.focus();
  }

  stop() {
    this.#isStopped = true;
  }

  async #load() {
    const preferences = await this.#inbox.preferences();
    if (!this.#isStopped) this.choices.replaceChildren(...preferences.map((preference) => this.#choice(preference)));
  }

  /** @param {any} preference */
  #choice({ workflow, channels }) {
    const box = make("input", { type: "checkbox" });
    box.checked = channels.in_app !== false;
    box.disabled = Boolean(workflow?.critical);
    const save = () => this.#inbox.setPreferences({ in_app: box.checked }, workflow?.id);
    box.addEventListener("change", () => void save().catch(() => (box.checked = !box.checked)));
    return make("label", { class: "choice" }, box, workflow?.name ?? this.t("preferences.global"));
  }
}
