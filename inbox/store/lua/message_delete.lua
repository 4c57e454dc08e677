-- Deletes one message. Its row stays, dead, with the check, so that whoever catches up can name what went.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stream; ARGV: 1 n, 2 check
-- Returns {1, position} | {0} (no such message)
--#state
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
--#now
--#tally
--#finish
local number = tonumber(ARGV[1])
local offset = 4 * (number - b - 1)
local cell = offset >= 0 and redis.call('GETRANGE', KEYS[2], offset, offset + 3) or ''
if #cell ~= 4 or string.sub(cell, 2) ~= ARGV[2] or bit.band(string.byte(cell), 1) == 0 then return {0} end
tally(string.byte(cell), -1)
redis.call('SETRANGE', KEYS[2], offset, '\0')
redis.call('XDEL', KEYS[5], number .. '-0')
redis.call('HDEL', KEYS[3], number)
return {1, finish(KEYS[1], KEYS[4], 'x', {number}, ARGV[2], '')}
