/** `<inbox-feed>`: the list as a part of the page, as wide and as high as the page makes it. */

import { InboxElement } from "./element.js";

export class InboxFeed extends InboxElement {
  pageSize = 50;

  constructor() {
    super();
    this.addEventListener("keydown", ({ key }) => key === "Escape" && this.view?.leave());
  }

  connectedCallback() {
    super.connectedCallback();
    this.loadView().then(
      (view) => view.arrange({ isShown: true }),
      () => {}, // the page was told
    );
  }

  async makeView() {
    const view = await super.makeView();
    view.element.setAttribute("part", "feed");
    return view;
  }
}
