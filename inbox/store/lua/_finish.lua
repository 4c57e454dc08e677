-- Ends a change: saves the state (KEYS[1]), logs one entry per position in `log`, publishes one event. `kind` and `refs`
-- tell what changed, one position each; `check` and `content` what a listener cannot read elsewhere. Sets `position`.
-- Log entry: milliseconds, kind, ref; at most 40 bytes.
-- Event: `<ms>-<c> <first c> <unseen> <unread> <badge> <high> <medium> <low> <kind><refs>\n<check><content>`.
-- What costs here beside the calls: numbers, which %d writes three times as fast as `..`; every string that holds the
-- content, because Lua hashes each byte of a string it makes (so there is one); a function for all this (so it is none).
local first = c + 1
c = c + #refs
redis.call('HSET', KEYS[1], 'p', struct.pack(STATE, n, b, ms, c, unseen, unread, badge, high, medium, low))
local entries = {}
for i = 1, #refs do entries[i] = string.format('%d', ms) .. kind .. refs[i] end
local length = redis.call('RPUSH', log, unpack(entries))
if length > 320 then redis.call('LTRIM', log, -256, -1) end
if length == #refs or ms % 3600000 < ms - m then redis.call('EXPIRE', log, 90000) end -- new, or an hour has begun
local position = string.format('%d-%d', ms, c)
local counts = string.format('%d %d %d %d %d %d', unseen, unread, badge, high, medium, low)
local head = string.format('%s %d %s %s', position, first, counts, kind) .. table.concat(refs, ',')
redis.call('SPUBLISH', KEYS[1], head .. '\n' .. check .. content)
