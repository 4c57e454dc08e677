-- the time of this change: never before the feed's last one
local time = redis.call('TIME')
local ms = time[1] * 1000 + math.floor(time[2] / 1000)
if ms < last_ms then ms = last_ms end
