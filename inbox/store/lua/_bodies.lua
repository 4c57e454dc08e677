-- Keeps the body of a publication with the log, whose entries have no room for it. Include it after `_log` and these locals: `check`
-- and `content`, as for `_publish`. Several refs are deleted messages: each has three check bytes.
-- Of the list's elements, a counter in five bytes and a body, the last 256 are kept, as long as the log (`_log`).
local bodies, bodies_key = {}, string.sub(log, 1, -2) .. 'b'
for i = 1, #refs do
  bodies[i] = struct.pack('>I5', first + i - 1) .. (#refs == 1 and check .. content or string.sub(check, 3 * i - 2, 3 * i))
end
local kept = redis.call('RPUSH', bodies_key, unpack(bodies))
if kept > 320 then redis.call('LTRIM', bodies_key, -256, -1) end
if kept == #bodies then redis.call('EXPIRE', bodies_key, 90000) end
