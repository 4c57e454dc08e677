-- Saves a change: the state, and one log entry per position. Include it after these locals: `feed` (the state's key, also the
-- channel), `log` (its key), `kind` and `refs` of what changed, one position each. Sets `first` (a counter) and `position`.
-- Log entry: milliseconds, kind, ref; at most 40 bytes. `_bodies` keeps what does not fit into one.
-- Measured costs beside the calls: numbers (%d formats one three times as fast as `..`), and a function that shares as many
-- locals as these.
local first = change_count + 1
change_count = change_count + #refs
redis.call('HSET', feed, 'p', struct.pack(STATE, last_row, base_row, ms, change_count, unseen, unread, badge, high, medium, low))
local entries = {}
for i = 1, #refs do entries[i] = string.format('%d', ms) .. kind .. refs[i] end
local length = redis.call('RPUSH', log, unpack(entries))
if length > 320 then redis.call('LTRIM', log, -256, -1) end
if length == #refs or ms % 3600000 < ms - last_ms then -- 25 h: it is new, or an hour began
  redis.call('EXPIRE', log, 90000)
  redis.call('EXPIRE', string.sub(log, 1, -2) .. 'b', 90000)
end
local position = string.format('%d-%d', ms, change_count)
