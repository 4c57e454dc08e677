-- Puts the counts of a feed's rows in the place of wrong ones, unless the feed has changed since they were counted. It takes a
-- position, so that open sockets hear of it; row 0, which no message is in, stands for the counts alone.
-- KEYS: 1 state, 2 log
-- ARGV: 1 the packed state that was read with the rows, 2-7 the counts of the rows (unseen, unread, badge, high, medium, low)
-- Returns 1 | 0 (the feed has changed, or is gone)
local feed, log = unpack(KEYS)
local read_state, unseen, unread, badge, high, medium, low = unpack(ARGV)
--#kinds
--#state
if redis.call('HGET', feed, 'p') ~= read_state then return 0 end
local last_row, base_row, last_ms, change_count = struct.unpack(STATE, read_state)
unseen, unread, badge = tonumber(unseen), tonumber(unread), tonumber(badge)
high, medium, low = tonumber(high), tonumber(medium), tonumber(low)
--#now
local kind, refs, check, content = MARKED, {'0'}, '', ''
--#log
--#publish
return 1
