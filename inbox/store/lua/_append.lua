-- Appends one message to a feed whose state was read: content, row, counts, state, log entry, publication. It does for one new
-- message what `_tally`, `_log` and `_publish` do, a tenth of the append faster: without tables, and with one format for a head.
-- Include it after `_kinds`, `_state` and these locals: `feed` (the state's key) and the state's, `last_row` being the new row;
-- `row` (its text), `name` (feed number and row, packed), `check`; `times` (the bucket's index), `date` (the index's ms, as text);
-- of the content: `content`, `field` and `value` (how the stream has it), `severity`, `expires_ms`, `reference`; `snooze_end`
-- (the state's `u`), `max_rows`, and `heard` (nil: publish to every channel).
-- Sets `ms`, and `needs`: 1 a snooze has ended, wake the feed; 2 it is too long, trim it.
local feed_base = string.sub(feed, 1, -2)
ms = tonumber(date)
if ms < last_ms then ms, date = last_ms, string.format('%d', last_ms) end
change_count, unseen, unread, badge = change_count + 1, unseen + 1, unread + 1, badge + 1
if severity == 1 then high = high + 1 elseif severity == 2 then medium = medium + 1 elseif severity == 3 then low = low + 1 end
redis.call('XADD', feed_base .. 's', row .. '-0', 'c', date, field, value)
redis.call('SETRANGE', feed_base .. 'f', string.format('%d', 4 * (last_row - base_row - 1)), string.char(7 + 32 * severity) .. check)
if reference ~= '' then redis.call('ZADD', feed_base .. 'r', reference, row) end
if expires_ms ~= '' then redis.call('ZADD', string.sub(times, 1, -6) .. 'timers', expires_ms, 'x' .. name .. check) end
redis.call('HSET', feed, 'p', struct.pack(STATE, last_row, base_row, ms, change_count, unseen, unread, badge, high, medium, low))
local log = feed_base .. 'g'
local length = redis.call('RPUSH', log, date .. NEW .. row)
if length > 320 then redis.call('LTRIM', log, -256, -1) end
if length == 1 or ms % 3600000 < ms - last_ms then -- 25 h: it is new, or an hour began
  redis.call('EXPIRE', log, 90000)
  redis.call('EXPIRE', feed_base .. 'b', 90000)
end
if not heard or heard[feed] then
  redis.call('SPUBLISH', feed, string.format('%s-%d %d %d %d %d %d %d %d %s%d\n', date, change_count, change_count, unseen, unread,
    badge, high, medium, low, NEW, last_row) .. check .. content)
end
needs = last_row - base_row > max_rows and 2 or 0
if snooze_end and tonumber(snooze_end) <= ms then needs = needs + 1 end
