/** The count before the title of the page. */

import { PageCount } from "./page-count.js";

let prefix = "";
const titles = new MutationObserver(() => {
  if (!document.title.startsWith(prefix)) document.title = prefix + document.title; // the page has set another one
});

export const titleCount = new PageCount((unread) => {
  const title = document.title.startsWith(prefix) ? document.title.slice(prefix.length) : document.title;
  prefix = unread ? `(${unread}) ` : "";
  if (unread) titles.observe(document.head, { childList: true, subtree: true, characterData: true });
  else titles.disconnect();
  if (document.title !== prefix + title) document.title = prefix + title;
});
