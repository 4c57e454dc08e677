"use client";

/** Hooks for React 18 and newer. They render on a server too, where nothing connects. */

import { createContext, createElement, useContext, useEffect, useMemo, useSyncExternalStore } from "react";

const Context = createContext(/** @type {import("./index.js").Inbox | null} */ (null));
const NO_COUNTS = { unseen: 0, unread: 0, severity: { high: 0, medium: 0, low: 0, none: 0 } };
/** @type {import("./index.js").InboxSnapshot} what a server renders, and a page first */
const IDLE = Object.freeze({ status: "idle", transport: null, error: null, counts: NO_COUNTS });
/** @type {import("./index.js").ListSnapshot} */
const EMPTY = Object.freeze({ items: [], hasMore: false, isLoaded: false, isLoading: true, error: null });

/** @type {typeof import("./react.js").InboxProvider} */
export const InboxProvider = ({ inbox, children }) => {
  useEffect(() => {
    inbox.start();
    return () => inbox.stop();
  }, [inbox]);
  return createElement(Context.Provider, { value: inbox }, children);
};

function useProvided() {
  const inbox = useContext(Context);
  if (!inbox) throw new Error("There is no <InboxProvider> around this component");
  return inbox;
}

/** @type {typeof import("./react.js").useInbox} */
export const useInbox = () => {
  const inbox = useProvided();
  const snapshot = useSyncExternalStore(inbox.subscribe, inbox.getSnapshot, () => IDLE);
  return useMemo(() => ({ inbox, ...snapshot }), [inbox, snapshot]);
};

/** @type {typeof import("./react.js").useNotifications} */
export const useNotifications = (filter) => {
  const list = useProvided().list(filter); // the same object for an equal filter
  const snapshot = useSyncExternalStore(list.subscribe, list.getSnapshot, () => EMPTY);
  return useMemo(() => ({ ...snapshot, more: list.more, refresh: list.refresh }), [list, snapshot]);
};

/** @type {any} */
export const useCounts = (/** @type {readonly import("./index.js").Filter[] | undefined} */ filters) => {
  const inbox = useProvided();
  const counts = filters?.map((filter) => inbox.count(filter)) ?? [];
  const snapshot = useSyncExternalStore(inbox.subscribe, inbox.getSnapshot, () => IDLE);
  const key = JSON.stringify(filters);
  const subscribe = useMemo(() => {
    return (/** @type {() => void} */ run) => {
      const ends = counts.map((count) => count.subscribe(run));
      return () => ends.forEach((end) => end());
    };
  }, [inbox, key]);
  const counted = () => JSON.stringify(counts.map((count) => count.getSnapshot() ?? null));
  const numbers = useSyncExternalStore(subscribe, counted, () => JSON.stringify(counts.map(() => null)));
  return useMemo(
    () => (filters ? JSON.parse(numbers).map((/** @type {number | null} */ count) => count ?? undefined) : snapshot.counts),
    [!filters, numbers, snapshot.counts],
  );
};
