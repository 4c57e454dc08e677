/** When channels other than the inbox may deliver: a switch, and hours for each day of the week. */

import { make } from "./dom.js";

const DAYS = /** @type {const} */ (["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]);
const MONDAY_MS = Date.UTC(2024, 0, 1);
const DAY_MS = 86_400_000;
const OFFICE_HOURS = [{ start: "09:00 AM", end: "05:00 PM" }];

/** @typedef {import("../client/index.js").Schedule} Schedule */
/** @typedef {{box: HTMLInputElement, start: HTMLInputElement, end: HTMLInputElement, hours: HTMLElement}} DayRow */

export class ScheduleView {
  /** @type {Schedule} as it is shown */
  #schedule = { isEnabled: false };
  /** @type {Map<string, DayRow>} */
  #rows = new Map();
  #save;

  /** @param {import("./locale.js").Translate} t @param {(schedule: Schedule) => void} save */
  constructor(t, save) {
    this.#save = save;
    const toggle = (/** @type {Event} */ event) => this.#change({ isEnabled: isChecked(event) });
    this.box = make("input", { type: "checkbox", role: "switch", "aria-describedby": "schedule-hint", onchange: toggle });
    const format = new Intl.DateTimeFormat(t.locale, { weekday: "long", timeZone: "UTC" });
    const days = DAYS.map((day, n) => this.#row(day, format.format(MONDAY_MS + n * DAY_MS), t));
    this.days = make("div", { class: "days" }, ...days);
    const hint = make("p", { class: "locked", id: "schedule-hint" }, t("schedule.hint"));
    const choice = make("label", { class: "choice" }, t("schedule.enable"), this.box);
    this.element = make("fieldset", { class: "schedule", hidden: "" }, make("legend", {}, t("schedule.title")), hint, choice, this.days);
  }

  /** Show the schedule of a person who has one, or whom other channels reach. @param {import("../client/index.js").Preference} everywhere */
  render({ channels, schedule }) {
    this.element.hidden = !schedule && !Object.keys(channels).some((channel) => channel !== "in_app");
    this.#show(schedule ?? { isEnabled: false });
  }

  /** @param {Schedule} schedule */
  #show(schedule) {
    this.#schedule = schedule;
    this.box.checked = schedule.isEnabled;
    this.days.hidden = !schedule.isEnabled;
    for (const day of DAYS) {
      const { box, start, end, hours } = /** @type {DayRow} */ (this.#rows.get(day));
      const { isEnabled = false, hours: ranges = [] } = schedule.weeklySchedule?.[day] ?? {};
      const [range] = ranges.length ? ranges : OFFICE_HOURS;
      box.checked = isEnabled;
      hours.hidden = !isEnabled;
      start.value = to24(range.start);
      end.value = to24(range.end);
    }
  }

  /** @param {typeof DAYS[number]} day @param {string} name @param {import("./locale.js").Translate} t */
  #row(day, name, t) {
    const toggle = (/** @type {Event} */ event) => this.#changeDay(day, { isEnabled: isChecked(event) });
    const box = make("input", { type: "checkbox", onchange: toggle });
    const change = () => {
      if (!start.value || !end.value) return this.#show(this.#schedule);
      const [, ...others] = this.#schedule.weeklySchedule?.[day]?.hours ?? [];
      this.#changeDay(day, { hours: [{ start: to12(start.value), end: to12(end.value) }, ...others] });
    };
    const [start, end] = ["from", "to"].map((which) =>
      make("input", { type: "time", required: "", "aria-label": t(`schedule.${which}`, { day: name }), onchange: change }),
    );
    const hours = make("span", { class: "hours" }, start, "–", end);
    this.#rows.set(day, { box, start, end, hours });
    return make("div", { class: "day" }, make("label", {}, box, name), hours);
  }

  /** @param {typeof DAYS[number]} day @param {Partial<import("../client/index.js").ScheduleDay>} change */
  #changeDay(day, change) {
    const before = this.#schedule.weeklySchedule ?? {};
    const changed = { isEnabled: true, hours: OFFICE_HOURS, ...before[day], ...change };
    this.#change({ weeklySchedule: { ...before, [day]: changed } });
  }

  /** @param {Partial<Schedule>} change */
  #change(change) {
    const schedule = { ...this.#schedule, ...change };
    if (schedule.isEnabled && !Object.keys(schedule.weeklySchedule ?? {}).length) schedule.weeklySchedule = officeWeek();
    this.#show(schedule);
    this.#save(schedule);
  }
}

/** @param {Event} event of a checkbox */
const isChecked = ({ currentTarget }) => /** @type {HTMLInputElement} */ (currentTarget).checked;

/** @returns {NonNullable<Schedule["weeklySchedule"]>} */
function officeWeek() {
  return Object.fromEntries(DAYS.slice(0, 5).map((day) => [day, { isEnabled: true, hours: OFFICE_HOURS }]));
}

/** `05:30 PM` → `17:30`. @param {string} time */
export function to24(time) {
  const [, hour, minute, half] = /^(\d+):(\d+) (AM|PM)$/.exec(time) ?? [];
  return half ? `${String((Number(hour) % 12) + (half === "PM" ? 12 : 0)).padStart(2, "0")}:${minute}` : "";
}

/** `17:30` → `05:30 PM`. @param {string} time */
export function to12(time) {
  const [hour, minute] = time.split(":");
  return `${String(Number(hour) % 12 || 12).padStart(2, "0")}:${minute} ${Number(hour) < 12 ? "AM" : "PM"}`;
}
