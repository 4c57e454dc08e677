-- A new message in a feed, once per transaction, step and recipient.
-- KEYS: 1 state, 2 stream, 3 rows, 4 log, 5 delivered, 6 times (the bucket's index), 7 timers,
--       8 outbox (where events are wanted)
-- ARGV: 1 content, 2 check (3 bytes of the id), 3 workflow, 4 preference where nothing is set: 1 on, 0 off, c critical,
--       5 seconds to remember the transaction, 6 severity (0-3), 7 the feed's number, 8 when it expires (ms, '' never),
--       9 how many rows may stand before the feed is to be trimmed, 10 whose feed it is (oid)
-- Returns {1, position, n, what the feed needs: 1 a snooze has ended, wake it; 2 it is too long, trim it}
--       | {0, 'again', n} | {0, 'suppressed'} | {-1} (no such feed)
--#state
local state = redis.call('HMGET', KEYS[1], 'p', 'w' .. ARGV[3], 'w*', 'u', 's')
if not state[1] or state[5] ~= ARGV[10] then return {-1} end
if ARGV[4] ~= 'c' and (state[2] or state[3] or ARGV[4]) == '0' then return {0, 'suppressed'} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, state[1])
n = n + 1
local row = string.format('%d', n)
if not redis.call('SET', KEYS[5], row, 'NX', 'EX', ARGV[5]) then
  return {0, 'again', tonumber(redis.call('GET', KEYS[5]))}
end
-- the index gives the time, so that a message has the same date in both; it never goes back, nor does a feed
local indexed = redis.call('XADD', KEYS[6], '*', 'm', struct.pack('>I4I4', ARGV[7], n))
local ms = math.max(m, tonumber(string.match(indexed, '%d+')))
local flags, sign = 7 + 32 * ARGV[6], 1
--#tally
redis.call('XADD', KEYS[2], row .. '-0', 'c', string.format('%d', ms), 'd', ARGV[1])
redis.call('SETRANGE', KEYS[3], string.format('%d', 4 * (n - b - 1)), string.char(flags) .. ARGV[2])
if ARGV[8] ~= '' then redis.call('ZADD', KEYS[7], ARGV[8], 'x' .. struct.pack('>I4I4', ARGV[7], n) .. ARGV[2]) end
local feed, log, kind, refs, check, content = KEYS[1], KEYS[4], 'n', {row}, ARGV[2], ARGV[1]
--#log
--#publish
if KEYS[8] then
  local outbox, entry = KEYS[8], {'n', struct.pack('>I4I4', ARGV[7], n) .. ARGV[2]}
--#outbox
end
local needs = n - b > tonumber(ARGV[9]) and 2 or 0
if state[4] and tonumber(state[4]) <= ms then needs = needs + 1 end
return {1, position, n, needs}
