-- Clears flags in every row of a feed and leaves one stamp for the dates.
-- KEYS: 1 state, 2 rows, 3 log, 4 stamps, 5 scratch; ARGV: 1 flags to clear (2 unseen, 4 unread), 2 dates (see _dates)
-- Returns {1, position, stamps} | {0} (no such feed) | {0, 'due'} (a snooze has ended: wake it first)
--#state
local stored = redis.call('HMGET', KEYS[1], 'p', 'u')
if not stored[1] then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, stored[1])
--#now
--#finish
if stored[2] and tonumber(stored[2]) <= ms then return {0, 'due'} end
local clear = tonumber(ARGV[1])
local cells = redis.call('STRLEN', KEYS[2]) / 4
if cells > 0 then
  redis.call('SET', KEYS[5], string.rep(string.char(255 - clear) .. '\255\255\255', cells))
  redis.call('BITOP', 'AND', KEYS[2], KEYS[2], KEYS[5])
  redis.call('DEL', KEYS[5])
end
if bit.band(clear, 2) ~= 0 then unseen = 0 end
if bit.band(clear, 4) ~= 0 then unread = 0; badge = 0; high = 0; medium = 0; low = 0 end
local length = redis.call('RPUSH', KEYS[4], struct.pack('>BI6I5I4I4', ARGV[2], ms, c + 1, n, b))
return {1, finish(KEYS[1], KEYS[3], 'b', {c + 1}, ''), length}
