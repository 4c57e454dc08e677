-- Publishes a change that was saved. Include it after `_log` and these locals: `check` and `content`, the body (store/publication.py
-- says what it holds for each kind of `_kinds`).
-- Payload: `<ms>-<c> <first c> <unseen> <unread> <badge> <high> <medium> <low> <kind><refs>\n<check><content>`.
-- Strings that hold the content are costly (Lua hashes each byte of a string it makes), so there is only one.
local counts = string.format('%d %d %d %d %d %d', unseen, unread, badge, high, medium, low)
local head = string.format('%s %d %s %s', position, first, counts, kind) .. table.concat(refs, ',')
redis.call('SPUBLISH', feed, head .. '\n' .. check .. content)
