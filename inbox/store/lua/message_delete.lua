-- Deletes one message. Its row stays, dead, with the check, so that whoever catches up can name what went.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stream, 6 timers, 7 outbox (where events are wanted)
-- ARGV: 1 n, 2 check, as its id has them, 3 the feed's number, then for one that expires: 4 its timer, 5 the timer's time (ms)
-- Returns {1, position} | {0} (no such message, or one that expires later or never by now)
--#state
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return {0} end
if ARGV[4] and tonumber(redis.call('ZSCORE', KEYS[6], ARGV[4]) or math.huge) > tonumber(ARGV[5]) then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
--#now
--#find
local number, flags = find(KEYS[2], KEYS[3], tonumber(ARGV[1]), ARGV[2])
if not number then return {0} end
local sign = -1
--#tally
redis.call('SETRANGE', KEYS[2], 4 * (number - b - 1), '\0')
redis.call('XDEL', KEYS[5], string.format('%d-0', number))
redis.call('HDEL', KEYS[3], number, 'o' .. ARGV[1])
local feed, log, kind, refs, check, content = KEYS[1], KEYS[4], 'x', {ARGV[1]}, ARGV[2], ''
--#log
--#publish
if KEYS[7] then
  local outbox, entry = KEYS[7], {'d', struct.pack('>I4I4', ARGV[3], ARGV[1]) .. ARGV[2]}
--#outbox
end
return {1, position}
