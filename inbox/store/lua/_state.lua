-- The state of a feed: field `p` of its hash, packed; only the scripts that change the rows change it.
-- n last row given out, b rows cut off below, m milliseconds and c counter of the last position, then the counts:
-- unseen, unread, badge (unread and not snoozed) and the badge's share of severity high, medium, low.
local STATE = '>I4I4I6I5I4I4I4I4I4I4'
-- Field `u`, when there is one: no snooze of the feed ends before it (ms). Fields `w…` are preferences.
