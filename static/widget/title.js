/** The count before the title of the page. Elements of one page share it: the largest of their counts stands there. */

/** @type {Map<TitleCount, number>} */
const counts = new Map();
let prefix = "";
const titles = new MutationObserver(() => {
  if (!document.title.startsWith(prefix)) document.title = prefix + document.title; // the page has set another one
});

export class TitleCount {
  /** @param {number} unread */
  count(unread) {
    if (!counts.size) titles.observe(document.head, { childList: true, subtree: true, characterData: true });
    counts.set(this, unread);
    update();
  }

  /** Leave the title as the page has it, unless another element counts too. */
  stop() {
    counts.delete(this);
    if (!counts.size) titles.disconnect();
    update();
  }
}

function update() {
  const title = document.title.startsWith(prefix) ? document.title.slice(prefix.length) : document.title;
  const unread = Math.max(0, ...counts.values());
  prefix = unread ? `(${unread}) ` : "";
  if (document.title !== prefix + title) document.title = prefix + title;
}
