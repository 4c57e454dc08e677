import type { FunctionComponent, ReactNode } from "react";
import type { Counts, Filter, Inbox, InboxSnapshot, ListSnapshot } from "./index.js";

/** Connect the inbox while this is mounted, and give it to the hooks below it. */
export const InboxProvider: FunctionComponent<{ inbox: Inbox; children?: ReactNode }>;

/** The inbox itself, for changes, with its status and counts. */
export function useInbox(): InboxSnapshot & { inbox: Inbox };

/** A list that stays up to date. By default what is neither archived nor snoozed. */
export function useNotifications(
  filter?: Filter & { limit?: number },
): ListSnapshot & { more: () => Promise<void>; refresh: () => Promise<ListSnapshot> };

/** The counts of the badge. */
export function useCounts(): Counts;
/** A count for each filter, undefined until it was counted. */
export function useCounts(filters: readonly Filter[]): readonly (number | undefined)[];
