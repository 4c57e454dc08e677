-- The kinds of changes, in publications and in entries of the log. store/publication.py has the same names and says what a
-- publication of each kind holds.
local NEW, MOVED, COLLAPSED, MARKED, DELETED, TRIMMED, BULK, BULK_DELETED, PREFERENCES = 'n', 'v', 'c', 'm', 'x', 't', 'b', 'd', 'p'
-- Payloads of publications that are no change of the feed.
local GONE, SUBSCRIBER = 'gone', 'subscriber'
