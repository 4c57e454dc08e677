#!lua flags=allow-oom
-- Deletes one message. Its row stays, dead.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stream, 6 timers, 7 outbox (if events are requested)
-- ARGV: 1 n, 2 check, as its id has them, 3 the feed's number, 4 the oid of its subscriber, 5 whether it is retracted by its
--       sender (1 or 0), then for one that expires: 6 its timer, 7 the timer's time (ms)
-- Returns the position | 0 (no such message of this subscriber, or its expiry has changed)
local feed, rows, sides, log, stream, timers, outbox = unpack(KEYS)
local id_row, check, feed_number, owner, is_retracted, timer, timer_due = unpack(ARGV)
--#kinds
--#state
--#references
local stored = redis.call('HMGET', feed, 'p', 's')
local packed = stored[1]
if not packed or stored[2] ~= owner then return 0 end
if timer and tonumber(redis.call('ZSCORE', timers, timer) or math.huge) > tonumber(timer_due) then return 0 end
local last_row, base_row, last_ms, change_count, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
--#now
--#find
local number, flags = find(rows, sides, tonumber(id_row), check)
if not number then return 0 end
local sign = -1
--#tally
redis.call('SETRANGE', rows, 4 * (number - base_row - 1), '\0')
redis.call('XDEL', stream, string.format('%d-0', number))
redis.call('HDEL', sides, number, 'o' .. id_row, 'e' .. number)
redis.call('ZREM', references_of(feed), number)
local kind, refs, content = DELETED, {id_row}, ''
--#log
--#bodies
--#publish
if outbox then
  local entry = {'d', struct.pack('>I4I4', feed_number, id_row) .. check}
  if is_retracted == '1' then entry[3], entry[4] = 'b', '1' end
--#outbox
end
return position
