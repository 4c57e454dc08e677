-- Publishes a change that was saved: one event. Goes in after `_log` and these locals: `check` and `content`, what a listener
-- cannot read elsewhere.
-- Event: `<ms>-<c> <first c> <unseen> <unread> <badge> <high> <medium> <low> <kind><refs>\n<check><content>`.
-- Strings that hold the content cost (Lua hashes each byte of a string it makes), so there is only one.
local counts = string.format('%d %d %d %d %d %d', unseen, unread, badge, high, medium, low)
local head = string.format('%s %d %s %s', position, first, counts, kind) .. table.concat(refs, ',')
redis.call('SPUBLISH', feed, head .. '\n' .. check .. content)
