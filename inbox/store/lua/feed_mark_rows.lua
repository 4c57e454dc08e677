-- Changes rows in bulk. The caller computed the change from the feed at a position; one stamp names the rows.
-- KEYS: 1 state, 2 rows, 3 log, 4 stamps, 5 outbox (if events are requested)
-- ARGV: 1 counter of that position, 2 all rows after the change, 3-8 the counts after it (unseen, unread, badge, high,
--       medium, low), 9 flags to clear, 10 flags to set, 11 dates (see _dates), 12 the rows that are hit, as bits from the
--       base on, 13 which messages became what, for the outbox
-- Returns {1, position, stamps} | {0, 'retry'} (the feed has moved on) | {0} (no such feed)
local feed, rows_key, log, stamps_key, outbox = unpack(KEYS)
local read_counter, rows, new_unseen, new_unread, new_badge, new_high, new_medium, new_low = unpack(ARGV, 1, 8)
local clear, set, dates, hit_bits, changes = unpack(ARGV, 9, 13)
--#kinds
--#state
local packed = redis.call('HGET', feed, 'p')
if not packed then return {0} end
local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
if change_count ~= tonumber(read_counter) then return {0, 'retry'} end
--#now
redis.call('SET', rows_key, rows)
unseen, unread, badge = tonumber(new_unseen), tonumber(new_unread), tonumber(new_badge)
high, medium, low = tonumber(new_high), tonumber(new_medium), tonumber(new_low)
local stamp = struct.pack('>BI6I5I4I4', dates, ms, change_count + 1, last_row, base_row) .. hit_bits
local stamps = redis.call('RPUSH', stamps_key, stamp)
local kind, refs, check, content = BULK, {string.format('%d', change_count + 1)}, string.char(clear, set), stamp
--#log
--#bodies
--#publish
if outbox then
  local entry = {'m', changes}
--#outbox
end
return {1, position, stamps}
