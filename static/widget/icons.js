/** Paths of the icons, in a box of 24. */

export const CHECK = "M5 12.5l4.5 4.5L19 7.5";
export const READ_ALL = "M2 13l4 4L15 7 M11 15.5l1.5 1.5L22 7";
export const ARCHIVE = "M4 5h16v4H4z M6 9v10h12V9 M10 13h4";
export const UNARCHIVE = "M4 13l3-8h10l3 8v6H4z M4 13h5l1.5 2.5h3L15 13h5";
export const SNOOZE = "M12 21a8 8 0 1 0 0-16 8 8 0 0 0 0 16z M12 9v4l2.5 2 M4.5 5.5L7 3.5 M19.5 5.5L17 3.5";
export const DELETE = "M5 7h14 M10 7V4h4v3 M7 7l1 13h8l1-13 M10.5 11v5 M13.5 11v5";
export const OPTIONS = "M5 12h.01 M12 12h.01 M19 12h.01";
export const GEAR = "M4 7h9 M19 7h1 M16 4.5v5 M4 17h1 M11 17h9 M8 14.5v5";
export const CLOSE = "M6 6l12 12 M18 6L6 18";
export const DOWN = "M7 10l5 5 5-5";
