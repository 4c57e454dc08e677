import { InboxProvider, useCounts, useInbox, useNotifications } from "@inbox-server/client/react";
import { useEffect } from "react";

import { SALE, SHOWN, note, quiet } from "../page.js";

export const App = ({ inbox }) => (
  <InboxProvider inbox={inbox}>
    <Feed />
  </InboxProvider>
);

function Feed() {
  const { inbox, status, transport } = useInbox();
  const { items, hasMore, isLoaded, more } = useNotifications(SHOWN);
  const [tab] = useCounts([SALE]);
  const counts = useCounts();
  useEffect(() => note({ status, transport, counts, tab, items, hasMore, isLoaded }));
  return (
    <main data-status={status} data-transport={transport}>
      <h1>{counts.unread} unread</h1>
      <button onClick={() => quiet(inbox.readAll())}>Read all</button>
      <ol>
        {items.map(({ id, isRead, subject }) => (
          <li key={id} className={isRead ? "" : "unread"}>
            <b>{subject}</b>
            <button onClick={() => quiet(inbox.read(id))}>Read</button>
            <button onClick={() => quiet(inbox.unread(id))}>Unread</button>
            <button onClick={() => quiet(inbox.archive(id))}>Archive</button>
            <button onClick={() => quiet(inbox.act(id))}>Accept</button>
            <button onClick={() => quiet(inbox.delete(id))}>Delete</button>
          </li>
        ))}
      </ol>
      {hasMore && <button onClick={more}>More</button>}
    </main>
  );
}
