-- Asks which channels have listeners, with one command: messages of the others are not published. Include it after the locals
-- `channels` and `heard`. Sets `heard`, a table by channel.
heard = {}
local listeners = #channels > 0 and redis.call('PUBSUB', 'SHARDNUMSUB', unpack(channels)) or {}
for i = 1, #listeners, 2 do heard[listeners[i]] = listeners[i + 1] > 0 end
