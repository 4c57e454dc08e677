-- the time of this change: never before the feed's last one
local t = redis.call('TIME')
local ms = t[1] * 1000 + math.floor(t[2] / 1000)
if ms < m then ms = m end
