-- Deletes one message. Its row stays, dead, with the check, so that whoever catches up can name what went.
-- KEYS: 1 state, 2 rows, 3 side, 4 log, 5 stream; ARGV: 1 n, 2 check
-- Returns {1, position} | {0} (no such message)
--#state
local packed = redis.call('HGET', KEYS[1], 'p')
if not packed then return {0} end
local n, b, m, c, unseen, unread, badge, high, medium, low = struct.unpack(STATE, packed)
--#now
local offset = 4 * (ARGV[1] - b - 1)
local cell = offset >= 0 and redis.call('GETRANGE', KEYS[2], offset, offset + 3) or ''
if string.sub(cell, 2) ~= ARGV[2] or bit.band(string.byte(cell), 1) == 0 then return {0} end
local flags, sign = string.byte(cell), -1
--#tally
redis.call('SETRANGE', KEYS[2], offset, '\0')
redis.call('XDEL', KEYS[5], ARGV[1] .. '-0')
redis.call('HDEL', KEYS[3], ARGV[1])
local log, kind, refs, check, content = KEYS[4], 'x', {ARGV[1]}, ARGV[2], ''
--#finish
return {1, position}
