-- A bulk deletion of rows that the caller computed from the feed as it stood at a position. What they held is removed
-- afterwards, in lots (feed_purge); from here on nobody can read it.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 purge, 6 outbox (where events are wanted)
-- ARGV: 1 counter of that position, 2 all rows after the change, 3-8 the counts after it (unseen, unread, badge, high,
--       medium, low), 9 whether to name them (1, at most 20 rows) or to say "read again" (0), 10 which messages these are,
--       for the outbox, then the rows in lots of at most 64, four bytes each
-- Returns {1, position} | {0, 'retry'} (the feed has moved on) | {0} (no such feed)
--#state
--#dates
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
if c ~= tonumber(ARGV[1]) then return {0, 'retry'} end
--#now
redis.call('SET', KEYS[2], ARGV[2])
unseen, unread, badge = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
high, medium, low = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
redis.call('RPUSH', KEYS[5], unpack(ARGV, 11))
local feed, log, kind, refs, check, content = KEYS[1], KEYS[4], 'b', {c + 1}, '', ''
if ARGV[9] == '1' then kind, refs = 'x', {} end
for at = 1, kind == 'x' and #ARGV[11] or 0, 4 do
  local number = struct.unpack('>I4', ARGV[11], at)
  local row = load_row(number, redis.call('HGET', KEYS[3], number), {})
  local offset = 4 * (number - b - 1)
  refs[#refs + 1] = row[7] ~= 0 and row[7] or number
  check = check .. string.sub(ARGV[2], offset + 2, offset + 4)
end
--#log
--#publish
if KEYS[6] then
  local outbox, entry = KEYS[6], {'d', ARGV[10]}
--#outbox
end
return {1, position}
