-- Saves a change: the state, and one log entry per position. Goes in after these locals: `feed` (the state's key, also its
-- channel), `log` (its key), `kind` and `refs` of what changed, one position each. Sets `first` (counter) and `position`.
-- Log entry: milliseconds, kind, ref; at most 40 bytes.
-- What costs beside the calls: numbers (%d writes one three times as fast as `..`), and a function that shares this many
-- locals.
local first = c + 1
c = c + #refs
redis.call('HSET', feed, 'p', struct.pack(STATE, n, b, ms, c, unseen, unread, badge, high, medium, low))
local entries = {}
for i = 1, #refs do entries[i] = string.format('%d', ms) .. kind .. refs[i] end
local length = redis.call('RPUSH', log, unpack(entries))
if length > 320 then redis.call('LTRIM', log, -256, -1) end
if length == #refs or ms % 3600000 < ms - m then redis.call('EXPIRE', log, 90000) end -- 25 h: it is new, or an hour began
local position = string.format('%d-%d', ms, c)
