/** `<inbox-feed>`: the list as a part of the page, as wide and as high as the page makes it. */

import { button, show } from "./dom.js";
import { InboxElement } from "./element.js";

export class InboxFeed extends InboxElement {
  pageSize = 50;
  #retry = button("unloaded", () => this.loadAgain(), { hidden: "" });

  constructor() {
    super();
    this.root.append(this.#retry);
    this.addEventListener("keydown", ({ key }) => key === "Escape" && this.view?.leave());
  }

  connectedCallback() {
    super.connectedCallback();
    this.loadView().catch(() => {}); // the page is told
  }

  async makeView() {
    const view = await super.makeView();
    view.element.setAttribute("part", "feed");
    view.arrange({ isShown: true });
    return view;
  }

  render() {
    show(this.#retry, this.isUnloaded ? this.t("bell.unloaded") : "");
    super.render();
  }
}
