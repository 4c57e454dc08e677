-- A bulk change whose rows the caller computed from the feed as it stood at a position; one stamp names the rows.
-- KEYS: 1 state, 2 rows, 3 log, 4 stamps, 5 outbox (where events are wanted)
-- ARGV: 1 counter of that position, 2 all rows after the change, 3-8 the counts after it (unseen, unread, badge, high,
--       medium, low), 9 dates (see _dates), 10 the rows that are hit, as bits from the base on,
--       11 which messages became what, for the outbox
-- Returns {1, position, stamps} | {0, 'retry'} (the feed has moved on) | {0} (no such feed)
--#state
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
if c ~= tonumber(ARGV[1]) then return {0, 'retry'} end
--#now
redis.call('SET', KEYS[2], ARGV[2])
unseen, unread, badge = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
high, medium, low = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local stamps = redis.call('RPUSH', KEYS[4], struct.pack('>BI6I5I4I4', ARGV[9], ms, c + 1, n, b) .. ARGV[10])
local feed, log, kind, refs, check, content = KEYS[1], KEYS[3], 'b', {string.format('%d', c + 1)}, '', ''
--#log
--#publish
if KEYS[5] then
  local outbox, entry = KEYS[5], {'m', ARGV[11]}
--#outbox
end
return {1, position, stamps}
