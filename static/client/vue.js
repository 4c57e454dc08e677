/** Composables for Vue 3.3 and newer. They render on a server too, where nothing connects. */

import { computed, getCurrentInstance, inject, onMounted, onScopeDispose, onUnmounted, provide, shallowRef, toValue, watch } from "vue";

const KEY = Symbol("inbox");

/** @type {typeof import("./vue.js").provideInbox} */
export const provideInbox = (inbox) => {
  provide(KEY, inbox);
  onMounted(() => inbox.start());
  onUnmounted(() => inbox.stop());
};

/** @returns {import("./index.js").Inbox} */
function injected() {
  const inbox = /** @type {import("./index.js").Inbox | undefined} */ (inject(KEY, undefined));
  if (!inbox) throw new Error("No component above this one called provideInbox");
  return inbox;
}

/**
 * Follow what a getter returns: in a component while it is mounted, elsewhere until its scope ends.
 * @template T
 * @param {() => {getSnapshot: () => T, subscribe: (run: () => void) => () => void}} source
 */
function useSnapshot(source) {
  const snapshot = shallowRef(source().getSnapshot());
  let end = () => {};
  const follow = () => {
    end();
    const followed = source();
    const take = () => (snapshot.value = followed.getSnapshot());
    end = followed.subscribe(take);
    take();
  };
  const begin = () => void watch(source, follow, { immediate: true, flush: "sync" });
  if (getCurrentInstance()) onMounted(begin);
  else begin();
  onScopeDispose(() => end());
  return snapshot;
}

/** @type {typeof import("./vue.js").useInbox} */
export const useInbox = (inbox = injected()) => {
  const snapshot = useSnapshot(() => inbox);
  return {
    inbox,
    status: computed(() => snapshot.value.status),
    transport: computed(() => snapshot.value.transport),
    error: computed(() => snapshot.value.error),
    counts: computed(() => snapshot.value.counts),
  };
};

/** @type {typeof import("./vue.js").useNotifications} */
export const useNotifications = (filter, inbox = injected()) => {
  const list = () => inbox.list(toValue(filter)); // the same object for an equal filter
  const snapshot = useSnapshot(list);
  return {
    items: computed(() => snapshot.value.items),
    hasMore: computed(() => snapshot.value.hasMore),
    isLoaded: computed(() => snapshot.value.isLoaded),
    isLoading: computed(() => snapshot.value.isLoading),
    error: computed(() => snapshot.value.error),
    more: () => list().more(),
    refresh: () => list().refresh(),
  };
};

/** @type {typeof import("./vue.js").useCounts} */
export const useCounts = (filters, inbox = injected()) => {
  const counts = filters.map((filter) => useSnapshot(() => inbox.count(filter)));
  return computed(() => counts.map((count) => count.value));
};
