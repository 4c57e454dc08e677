-- Takes buckets in which a timer may be due, each for one worker and the time of a lease.
-- An alarm is `<environment>:<bucket>:<ms>`, at that time; a lease is `<environment>:<bucket>` until its end. Alarms of a bucket
-- that somebody holds ring again a moment later, so nothing that was armed meanwhile is missed.
-- KEYS: 1 alarms; ARGV: 1 lease (ms), 2 most buckets, 3 ms after which an alarm of a held bucket rings again
-- Returns {ms until the next alarm, or -1, end of the leases (ms), `<environment>:<bucket>`, …}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function at(ms) return string.format('%d', ms) end
local taken, held = {}, {}
local ringing = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 200)
for i = 1, #ringing do
  local bucket = string.match(ringing[i], '^%d+:%d+')
  if held[bucket] == nil then
    local lease = tonumber(redis.call('ZSCORE', KEYS[1], bucket) or 0)
    held[bucket] = lease > now and 'elsewhere' or 'free'
  end
  if held[bucket] == 'elsewhere' then
    redis.call('ZADD', KEYS[1], at(now + ARGV[3]), ringing[i])
  elseif held[bucket] == 'free' and #taken < tonumber(ARGV[2]) then
    held[bucket] = 'mine'
    taken[#taken + 1] = bucket
  end
  if held[bucket] == 'mine' then redis.call('ZREM', KEYS[1], ringing[i]) end
end
for i = 1, #taken do redis.call('ZADD', KEYS[1], at(now + ARGV[1]), taken[i]) end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {first[2] and math.max(0, first[2] - now) or -1, now + ARGV[1], unpack(taken)}
