-- Clears flags in every row of a feed and leaves one stamp for the dates.
-- KEYS: 1 state, 2 rows, 3 log, 4 stamps, 5 scratch; ARGV: 1 flags to clear (2 unseen, 4 unread), 2 dates (see _dates)
-- Returns {1, position, stamps} | {0} (no such feed) | {0, 'due'} (a snooze has ended: wake it first)
--#state
local stored = redis.call('HMGET', KEYS[1], 'p', 'u')
if not stored[1] then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, stored[1])
--#now
if stored[2] and tonumber(stored[2]) <= ms then return {0, 'due'} end
local clear = tonumber(ARGV[1])
local rows = n - b
if rows > 0 then
  -- The mask is as long as the rows, and put together from blocks because Lua hashes every byte of a string it makes:
  -- made at once for 10,000 rows it took four fifths of the script.
  local cell = string.char(255 - clear) .. '\255\255\255'
  if rows >= 256 then
    local block = string.rep(cell, 256)
    for _ = 1, math.floor(rows / 256) do redis.call('APPEND', KEYS[5], block) end
  end
  if rows % 256 > 0 then redis.call('APPEND', KEYS[5], string.rep(cell, rows % 256)) end
  redis.call('BITOP', 'AND', KEYS[2], KEYS[2], KEYS[5])
  redis.call('DEL', KEYS[5])
end
if bit.band(clear, 2) ~= 0 then unseen = 0 end
if bit.band(clear, 4) ~= 0 then unread = 0; badge = 0; high = 0; medium = 0; low = 0 end
local stamps = redis.call('RPUSH', KEYS[4], struct.pack('>BI6I5I4I4', ARGV[2], ms, c + 1, n, b))
local feed, log, kind, refs, check, content = KEYS[1], KEYS[3], 'b', {string.format('%d', c + 1)}, '', ''
--#log
--#publish
return {1, position, stamps}
