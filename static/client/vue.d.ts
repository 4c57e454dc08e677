import type { ComputedRef, MaybeRefOrGetter } from "vue";
import type { Counts, Filter, Inbox, ListSnapshot, Notification, Status, TransportName } from "./index.js";

/** Connect the inbox while this component is mounted, and give it to the composables below it. */
export function provideInbox(inbox: Inbox): void;

/** The inbox itself, for changes, with its status and counts. Outside components pass the inbox. */
export function useInbox(inbox?: Inbox): {
  inbox: Inbox;
  status: ComputedRef<Status>;
  transport: ComputedRef<TransportName | null>;
  error: ComputedRef<Error | null>;
  counts: ComputedRef<Counts>;
};

/** A list that stays up to date, also when the filter changes. By default what is neither archived nor snoozed. */
export function useNotifications(
  filter?: MaybeRefOrGetter<(Filter & { limit?: number }) | undefined>,
  inbox?: Inbox,
): {
  items: ComputedRef<readonly Notification[]>;
  hasMore: ComputedRef<boolean>;
  isLoaded: ComputedRef<boolean>;
  isLoading: ComputedRef<boolean>;
  error: ComputedRef<Error | null>;
  more: () => Promise<void>;
  refresh: () => Promise<ListSnapshot>;
};

/** A count for each filter, undefined until it was counted. The counts of the badge are in `useInbox`. */
export function useCounts(filters: readonly Filter[], inbox?: Inbox): ComputedRef<readonly (number | undefined)[]>;
