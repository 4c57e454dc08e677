-- The state of a feed: field `p` of its hash, packed. Only the scripts that change rows change it. It holds the last row given
-- out, the base (rows up to it were cut off), the milliseconds and the counter of the last position, and the counts: unseen,
-- unread, badge (unread and not snoozed), and the badge's share of severity high, medium and low. Other fields: `u`, if there is
-- one: no snooze of the feed ends before it (ms); `s` the subscriber's oid; `w…` preferences.
local STATE = '>I4I4I6I5I4I4I4I4I4I4'
