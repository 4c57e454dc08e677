/**
 * Alerts outside of the widget that a page has asked for: a sound, a notification of the system, the count in the title
 * and on the icon of the page. Of several tabs one alerts, a visible one if there is any.
 */

import { faviconCount } from "./favicon.js";
import { plainBody } from "./plain-body.js";
import { titleCount } from "./title.js";

const VISIBLE = "inbox-visible"; // held, shared, by each tab that is visible
const CLAIM_MS = 60_000; // a tab that was frozen hears of a notification this much later at most
const NOTES = [880, 1174.66]; // Hz
const NOTE_SECONDS = 0.14;

/** @typedef {import("../client/index.js").Notification} InboxNotification */
/**
 * @typedef {object} AlertOptions
 * @property {boolean} [sound] of a new notification
 * @property {boolean} [desktop] a notification of the system, if the person allows it
 * @property {boolean} [title] the count before the title of the page
 * @property {boolean} [favicon] the count on the icon of the page
 * @property {import("./locale.js").Translate} t
 */

export class Alerts {
  #options;
  #places;
  #ending = new AbortController();
  /** @type {AudioContext | null} */
  #audio = null;
  /** @type {() => void} ends the claim to be visible */
  #hide = () => {};

  /** @param {AlertOptions} options */
  constructor(options) {
    this.#options = options;
    const { signal } = this.#ending;
    this.#places = [...(options.title ? [titleCount] : []), ...(options.favicon ? [faviconCount] : [])];
    for (const name of ["click", "keydown"]) document.addEventListener(name, (event) => this.#gesture(event), { signal, capture: true });
    document.addEventListener("visibilitychange", () => this.#follow(), { signal });
    this.#follow();
  }

  /** @param {number} unread */
  count(unread) {
    for (const place of this.#places) place.set(this, unread);
  }

  /** @param {InboxNotification} notification that has just arrived */
  async received(notification) {
    const { sound, desktop } = this.#options;
    if ((!sound && !desktop) || !(await this.#isOurs(notification)) || this.#ending.signal.aborted) return;
    if (sound && this.#audio?.state === "running") chime(this.#audio);
    if (desktop && document.hidden) await this.#showDesktop(notification);
  }

  /** Leave the page as it was. */
  stop() {
    this.#ending.abort();
    for (const place of this.#places) place.delete(this);
    this.#hide();
    void this.#audio?.close();
    this.#audio = null;
  }

  /** @param {InboxNotification} notification @returns {Promise<boolean>} whether this tab is the one that alerts */
  async #isOurs({ id, sequence }) {
    const { locks } = navigator;
    if (!locks) return true; // no secure context
    if (document.hidden && (await locks.query()).held?.some(({ name }) => name === VISIBLE)) return false;
    return new Promise((resolve) => {
      const claim = (/** @type {Lock | null} */ lock) => {
        resolve(lock !== null);
        return lock && new Promise((release) => setTimeout(release, CLAIM_MS));
      };
      locks.request(`inbox-alert ${id} ${sequence}`, { ifAvailable: true }, claim).catch(() => resolve(true));
    });
  }

  /** @param {InboxNotification} notification */
  async #showDesktop(notification) {
    if (permission() !== "granted") return;
    const { id, subject } = notification;
    const body = await plainBody(notification);
    try {
      const shown = new Notification(subject ?? this.#options.t("bell.title"), { body, tag: id });
      shown.onclick = () => {
        globalThis.focus();
        shown.close();
      };
    } catch {
      // Android has them only in service workers
    }
  }

  #follow() {
    this.#hide();
    if (document.hidden || !navigator.locks) return;
    /** @type {Promise<void>} */
    const hidden = new Promise((resolve) => (this.#hide = resolve));
    navigator.locks.request(VISIBLE, { mode: "shared" }, () => hidden).catch(() => {});
  }

  /** Browsers let a page sound, and ask for a permission, only after a person has done something. @param {Event} event */
  #gesture(event) {
    if (!event.isTrusted) return;
    if (this.#options.sound) {
      this.#audio ??= new AudioContext();
      if (this.#audio.state === "suspended") void this.#audio.resume();
    }
    const isOnWidget = event.composedPath().some((node) => node instanceof Element && /^inbox-(bell|feed)$/.test(node.localName));
    if (this.#options.desktop && event.type === "click" && isOnWidget && permission() === "default") void Notification.requestPermission();
  }
}

function permission() {
  return globalThis.Notification?.permission ?? "denied";
}

/** Two short notes. @param {AudioContext} audio */
function chime(audio) {
  NOTES.forEach((frequency, n) => {
    const start = audio.currentTime + n * NOTE_SECONDS;
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 2 * NOTE_SECONDS);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 2 * NOTE_SECONDS);
  });
}
