/** The count on the icon of the page. It is an image of its own, so a Content-Security-Policy has to allow `img-src data:`. */

import { PageCount } from "./page-count.js";

const SIZE = 64; // px
const MAX_SHOWN = 99;

/** @type {FaviconBadge | null} while there is something to count */
let badge = null;

export const faviconCount = new PageCount((unread) => {
  if (unread) return void (badge ??= new FaviconBadge()).draw(unread);
  badge?.remove();
  badge = null;
});

class FaviconBadge {
  #unread = 0;
  #link;
  #before;
  #isOwn;
  /** @type {Promise<HTMLImageElement | null>} the page's icon, unless it cannot be drawn */
  #icon;

  constructor() {
    const found = /** @type {HTMLLinkElement | null} */ (document.querySelector('link[rel~="icon"]'));
    this.#isOwn = !found;
    this.#link = found ?? Object.assign(document.createElement("link"), { rel: "icon" });
    this.#before = { href: this.#link.getAttribute("href"), type: this.#link.getAttribute("type") };
    this.#icon = found ? load(found.href) : Promise.resolve(null);
  }

  /** @param {number} unread */
  async draw(unread) {
    this.#unread = unread;
    const icon = await this.#icon;
    if (unread !== this.#unread) return; // another one came meanwhile
    const drawn = draw(icon, unread) ?? draw(null, unread);
    if (!drawn) return;
    this.#link.type = "image/png";
    this.#link.href = drawn;
    if (this.#isOwn) document.head.append(this.#link);
  }

  /** Put the page's own icon back. */
  remove() {
    this.#unread = 0;
    if (this.#isOwn) return this.#link.remove();
    for (const [name, value] of Object.entries(this.#before)) {
      if (value === null) this.#link.removeAttribute(name);
      else if (this.#link.getAttribute(name) !== value) this.#link.setAttribute(name, value);
    }
  }
}

/** @param {string} src @returns {Promise<HTMLImageElement | null>} */
async function load(src) {
  const image = Object.assign(new Image(SIZE, SIZE), { src });
  return image.decode().then(() => image, () => null);
}

/** @param {HTMLImageElement | null} icon @param {number} unread @returns {string | null} null if the icon is of another origin */
function draw(icon, unread) {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
  const context = canvas.getContext("2d");
  if (!context) return null;
  if (icon) context.drawImage(icon, 0, 0, SIZE, SIZE);
  const radius = icon ? SIZE * 0.32 : SIZE / 2;
  context.fillStyle = "#c8232c";
  context.beginPath();
  context.arc(SIZE - radius, SIZE - radius, radius, 0, 2 * Math.PI);
  context.fill();
  context.fillStyle = "#fff";
  context.font = `bold ${radius * (unread > 9 ? 1 : 1.4)}px sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(unread > MAX_SHOWN ? "99+" : String(unread), SIZE - radius, SIZE - radius, 1.8 * radius);
  try {
    return canvas.toDataURL();
  } catch {
    return null;
  }
}
